"""What can be known of a device from its user agent, and where its address is, in words.

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


class SystemKind(Enum):
    """How much is known of the operating system: its name and version, or a range."""

    NAMED = auto()
    NAMED_OR_LATER = auto()
    NAMED_OR_LATER_OR_IPAD = auto()
    WINDOWS_10_OR_11 = auto()


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


def format_device(device: Device, locale: UserLocale) -> str:
    """Name program and system, as in ``Firefox 131 on Windows 10 or 11``.

    Every field of what the workspace recorded may be empty.
    """
    client, system = _format_client(device, locale), _format_system(device, locale)
    if client and system:
        return locale.text("{client} on {system}", client=client, system=system)
    return client or system or locale.text("A script or an unknown app")


def _format_client(device: Device, locale: UserLocale) -> str:
    """Name the program, apps with two parts of their version, browsers with one."""
    if device.type == "mobile-app":
        version = _read_version(device.version or device.long_version)
        return _add_version(_name_app(device.os, locale), version[:2])
    version = _read_version(device.version)
    if device.type == "desktop-app":
        return _add_version(escape(device.name) or locale.text("Desktop app"), version[:2])
    return _add_version(escape(device.name), version[:1])


def _name_app(system: OperatingSystem, locale: UserLocale) -> str:
    match system.name.casefold():
        case "ios":
            return locale.text("iPhone or iPad app")
        case "android":
            return locale.text("Android app")
    return locale.text("Mobile app")


def _format_system(device: Device, locale: UserLocale) -> str:
    """Name the operating system as far as it is known; empty where it is not."""
    is_app = device.type == "mobile-app"
    if is_app and not device.os.version and device.os.name.casefold() in {"ios", "android"}:
        return ""  # the app's name says it
    name, version = _read_name(device.os), _read_version(device.os.version)
    rule = None if is_app else _find_rule(name, version, device)
    if rule is None:
        return _add_version(name, version[:2])
    system = _add_version(name, version[:2] if rule.shown is None else rule.shown)
    match rule.kind:
        case SystemKind.NAMED:
            return system
        case SystemKind.NAMED_OR_LATER:
            return locale.text("{system} or later", system=system)
        case SystemKind.NAMED_OR_LATER_OR_IPAD:
            return locale.text("{system} or later, or an iPad", system=system)
        case SystemKind.WINDOWS_10_OR_11:
            return locale.text("Windows 10 or 11")


def _find_rule(name: str, version: tuple[int, ...], device: Device) -> _Rule | None:
    browser, release = device.name.strip().casefold(), _read_version(device.version)
    return next((each for each in _RULES if each.fits(name, version, browser, release)), None)


def _read_name(system: OperatingSystem) -> str:
    name = _SYSTEM_NAMES.get(system.name.strip().casefold(), escape(system.name))
    # Elsewhere such a version is a processor: "Linux x86_64".
    has_named_version = name == "Windows" and not _VERSION.match(system.version.strip())
    return f"{name} {escape(system.version)}".strip() if has_named_version else name


def _read_version(text: str) -> tuple[int, ...]:
    found = _VERSION.match(text.strip())
    parts = found[0].split(".") if found else []
    return tuple(int(part) for part in parts if len(part) <= _MAX_DIGITS)


def _add_version(name: str, version: tuple[int, ...]) -> str:
    """Return both, as in ``Firefox 131``; a version of what has no name says nothing."""
    return f"{name} {'.'.join(map(str, version))}".rstrip() if name else ""


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
