"""What can be known of a device from its user agent, as values to compare, and in words.

Browsers freeze parts of their user agent, so a version may mean "this or a later one": see
``_RULES``. Windows names are ua-parser-js's (``XP``, ``Vista``), which the server uses.
"""

import re
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from bot.features.sessions.addresses import is_private
from bot.formatting.locale import UserLocale
from bot.formatting.text import code, escape
from bot.models import Device, OperatingSystem, Place, Session

_VERSION: Final = re.compile(r"\d+(?:\.\d+)*")
_MAX_DIGITS: Final = 9
_SYSTEM_NAMES: Final = {
    "android": "Android",
    "chrome os": "ChromeOS",
    "chromium os": "ChromeOS",
    "cros": "ChromeOS",
    "ios": "iOS",
    "mac os": "macOS",
    "mac os x": "macOS",
    "macos": "macOS",
}
_SAFARI: Final = frozenset({"safari", "mobile safari"})
# On an iPad these ask for the pages of a Mac unless told otherwise, and say that it is one.
_MAC_ON_IPAD: Final = frozenset({"safari", "firefox", "mobile safari", "mobile firefox"})


class ClientKind(Enum):
    """The kind of program that is signed in."""

    BROWSER = auto()
    DESKTOP_APP = auto()
    IOS_APP = auto()
    ANDROID_APP = auto()
    MOBILE_APP = auto()


class SystemKind(Enum):
    """How much is known of the operating system: its name and version, or a range."""

    NAMED = auto()
    NAMED_OR_LATER = auto()
    NAMED_OR_LATER_OR_IPAD = auto()
    WINDOWS_10_OR_11 = auto()


@dataclass(frozen=True, slots=True)
class Client:
    """The program; ``name`` is harmless text, empty where it is unknown or says nothing new."""

    kind: ClientKind
    name: str = ""
    version: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class System:
    """The operating system; ``name`` is harmless text, empty where it is unknown."""

    kind: SystemKind = SystemKind.NAMED
    name: str = ""
    version: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class DeviceDescription:
    """What people are told of a device; equal where they would read the same."""

    client: Client
    system: System


def describe_device(device: Device) -> DeviceDescription:
    """Read program and system from what the workspace recorded; every field may be empty."""
    client = describe_client(device)
    return DeviceDescription(client, describe_system(device, client))


def describe_client(device: Device) -> Client:
    """Read the program: apps with two parts of their version, browsers with one."""
    if device.type == "mobile-app":
        kinds = {"ios": ClientKind.IOS_APP, "android": ClientKind.ANDROID_APP}
        kind = kinds.get(device.os.name.casefold(), ClientKind.MOBILE_APP)
        return Client(kind, version=_read_version(device.version or device.long_version)[:2])
    if device.type == "desktop-app":
        version = _read_version(device.version)[:2]
        return Client(ClientKind.DESKTOP_APP, escape(device.name), version)
    name = escape(device.name)
    # A version of what has no name says nothing.
    return Client(ClientKind.BROWSER, name, _read_version(device.version)[:1] if name else ())


def describe_system(device: Device, client: Client) -> System:
    """Read the operating system as far as it can be known."""
    is_in_app_name = client.kind in {ClientKind.IOS_APP, ClientKind.ANDROID_APP}
    if is_in_app_name and not device.os.version:
        return System()
    name, version = _read_name(device.os), _read_version(device.os.version)
    if device.type != "mobile-app":
        browser = device.name.strip().casefold(), _read_version(device.version)
        for rule in _RULES:
            if rule.fits(name, version, *browser):
                return System(rule.kind, name, version[:2] if rule.shown is None else rule.shown)
    return System(SystemKind.NAMED, name, version[:2])


@dataclass(frozen=True, slots=True)
class _Rule:
    """What versions from ``lowest`` to below ``below`` mean, in these browsers or in all.

    ``shown`` is the version to show; None is the one that was read. ``browser_from`` is the
    browser's lowest version. The first rule that fits holds.
    """

    system: str
    kind: SystemKind
    lowest: tuple[int, ...] = ()
    below: tuple[int, ...] = (10**_MAX_DIGITS,)
    shown: tuple[int, ...] | None = None
    browsers: frozenset[str] = frozenset()
    browser_from: tuple[int, ...] = ()

    def fits(
        self, system: str, version: tuple[int, ...], browser: str, release: tuple[int, ...]
    ) -> bool:
        """Return whether the rule is about this system, version, browser and its version."""
        return (
            system == self.system
            and self.lowest <= version < self.below
            and (not self.browsers or browser in self.browsers)
            and release >= self.browser_from
        )


_RULES: Final = (
    # Chrome from 107 on, Firefox: "Windows NT 10.0" (chromium.org/updates/ua-reduction).
    _Rule("Windows", SystemKind.WINDOWS_10_OR_11, (10,), (11,), shown=()),
    # Chrome, Safari and Firefox: 10_15_7 or 10.15, at first any 10_15 (bowser-js/bowser#554).
    _Rule(
        "macOS",
        SystemKind.NAMED_OR_LATER_OR_IPAD,
        (10, 15),
        (11,),
        shown=(10, 15),
        browsers=_MAC_ON_IPAD,
    ),
    _Rule("macOS", SystemKind.NAMED_OR_LATER, (10, 15), (11,), shown=(10, 15)),
    # Chrome from 110 on: "Android 10; K".
    _Rule("Android", SystemKind.NAMED_OR_LATER, (10,), (11,)),
    # Safari has iOS's version. From 26 on it says iOS 18.6, 18.6.2 or 18.7 (whatwg/compat#283).
    _Rule(
        "iOS",
        SystemKind.NAMED_OR_LATER,
        (18,),
        (19,),
        shown=(26,),
        browsers=_SAFARI,
        browser_from=(26,),
    ),
    _Rule("iOS", SystemKind.NAMED, (18,), (19,), browsers=_SAFARI),
    # Others may do the same, as Firefox does (mozilla-mobile/firefox-ios#29263).
    _Rule("iOS", SystemKind.NAMED_OR_LATER, (18, 6), (19,)),
    # A build, which says nothing to people; Chrome from 107 on: always 14541.0.0.
    _Rule("ChromeOS", SystemKind.NAMED, shown=()),
)


def _read_name(system: OperatingSystem) -> str:
    name = _SYSTEM_NAMES.get(system.name.strip().casefold(), escape(system.name))
    # Elsewhere such a version is a processor: "Linux x86_64".
    has_named_version = name == "Windows" and not _VERSION.match(system.version.strip())
    return f"{name} {escape(system.version)}".strip() if has_named_version else name


def _read_version(text: str) -> tuple[int, ...]:
    found = _VERSION.match(text.strip())
    parts = found[0].split(".") if found else []
    return tuple(int(part) for part in parts if len(part) <= _MAX_DIGITS)


def format_device(device: Device, locale: UserLocale) -> str:
    """Name program and system, as in ``Firefox 131 on Windows 10 or 11``."""
    description = describe_device(device)
    client = format_client(description.client, locale)
    system = format_system(description.system, locale)
    if client and system:
        return locale.text("{client} on {system}", client=client, system=system)
    return client or system or locale.text("A script or an unknown app")


def format_client(client: Client, locale: UserLocale) -> str:
    """Name the program, as in ``Firefox 131``; empty where it is unknown."""
    return _add_version(_name_client(client, locale), client.version)


def format_system(system: System, locale: UserLocale) -> str:
    """Name the operating system as far as it is known; empty where it is not."""
    named = _add_version(system.name, system.version)
    match system.kind:
        case SystemKind.NAMED:
            return named
        case SystemKind.NAMED_OR_LATER:
            return locale.text("{system} or later", system=named)
        case SystemKind.NAMED_OR_LATER_OR_IPAD:
            return locale.text("{system} or later, or an iPad", system=named)
        case SystemKind.WINDOWS_10_OR_11:
            return locale.text("Windows 10 or 11")


def format_ip(session: Session, locale: UserLocale) -> str:
    """Show the address, and that it is private or where it is; ``not recorded`` without one."""
    shown = code(session.ip)
    if shown and is_private(session.ip):
        return locale.text("{address} (private network)", address=shown)
    if shown and session.place:
        return _add_place(shown, session.place, locale)
    return shown or locale.text("not recorded")


def _add_place(address: str, place: Place, locale: UserLocale) -> str:
    country = escape(locale.country(place.country))
    city = escape(locale.choose(place.city))
    if not city:
        return locale.text("{address} ({country})", address=address, country=country)
    return locale.text(
        "{address} (near {city}, {country})", address=address, city=city, country=country
    )


def _name_client(client: Client, locale: UserLocale) -> str:
    match client.kind:
        case ClientKind.BROWSER:
            return client.name
        case ClientKind.DESKTOP_APP:
            return client.name or locale.text("Desktop app")
        case ClientKind.IOS_APP:
            return locale.text("iPhone or iPad app")
        case ClientKind.ANDROID_APP:
            return locale.text("Android app")
        case ClientKind.MOBILE_APP:
            return locale.text("Mobile app")


def _add_version(name: str, version: tuple[int, ...]) -> str:
    return " ".join(filter(None, (name, ".".join(map(str, version)))))
