"""A device in words: honest where the user agent is frozen, plain where nothing is recorded."""

import re
from functools import lru_cache
from ipaddress import ip_address, ip_network

from bot.formatting.locale import UserLocale
from bot.formatting.text import code, escape
from bot.models import Device, OperatingSystem, Session

_VERSION = re.compile(r"\d+(?:\.\d+)*")
_MAX_NUMBER = 9
# `is_private` of the standard library also holds for documentation ranges, which no home uses.
_PRIVATE = tuple(
    map(
        ip_network,
        (
            "10.0.0.0/8",
            "172.16.0.0/12",
            "192.168.0.0/16",
            "100.64.0.0/10",
            "127.0.0.0/8",
            "169.254.0.0/16",
            "fc00::/7",
            "fe80::/10",
            "::1/128",
        ),
    )
)
_IN_THE_APPS_NAME = {"ios", "android"}
_FROZEN_IOS = (18, 6)
_FIRST_SAFARI_WITH_FROZEN_IOS = 26


def format_device(device: Device, locale: UserLocale) -> str:
    """Name client and system: ``Firefox 131 on Windows 10 or 11``; every field may be empty."""
    client, system = format_client(device, locale), format_system(device, locale)
    if client and system:
        return locale.text("{client} on {system}", client=client, system=system)
    return client or system or locale.text("A script or an unknown app")


def format_client(device: Device, locale: UserLocale) -> str:
    """Name the program: ``Firefox 131``, ``Rocket.Chat 4.1``, ``iPhone app 4.52``; or nothing."""
    if device.type == "mobile-app":
        return _format_mobile_app(device, locale)
    if device.type == "desktop-app":
        name = escape(device.name) or locale.text("Desktop app")
        return _join(name, _format_version(device.version, parts=2))
    return _join(escape(device.name), _format_version(device.version, parts=1))


def format_system(device: Device, locale: UserLocale) -> str:
    """Name the operating system as far as it can be known; or nothing."""
    is_told = device.type == "mobile-app" and device.os.name.casefold() in _IN_THE_APPS_NAME
    if is_told and not device.os.version:
        return ""
    name, version = _name_system(device.os), _numbers(device.os.version)
    if name == "Windows" and version[:1] == (10,):
        return locale.text("Windows 10 or 11")
    if name == "macOS":
        return _format_mac(version, locale)
    if name == "Android" and version == (10,) and device.type != "mobile-app":
        return locale.text("Android 10 or later")
    if name == "iOS" and _is_frozen_ios(device, version):
        return locale.text("iOS 18.6 or later")
    return _join(name, _format_version(device.os.version, parts=2))


def format_ip(session: Session, locale: UserLocale) -> str:
    """Show the address, called private where it is; ``not recorded`` where it is missing."""
    shown = code(session.ip)
    if shown and _is_private(session.ip):
        return locale.text("{address} (private network)", address=shown)
    return shown or locale.text("not recorded")


@lru_cache(maxsize=1024)
def _is_private(ip: str) -> bool:
    try:
        address = ip_address(ip.strip())
    except ValueError:
        return False
    plain = getattr(address, "ipv4_mapped", None) or address
    return any(plain in network for network in _PRIVATE)


def _format_mobile_app(device: Device, locale: UserLocale) -> str:
    version = _format_version(device.version or device.long_version, parts=2)
    system = device.os.name.casefold()
    if system == "ios":
        return _join(locale.text("iPhone or iPad app"), version)
    if system == "android":
        return _join(locale.text("Android app"), version)
    return _join(locale.text("Mobile app"), version)


def _name_system(system: OperatingSystem) -> str:
    known = {
        "android": "Android",
        "ios": "iOS",
        "mac os": "macOS",
        "mac os x": "macOS",
        "macos": "macOS",
    }
    return known.get(system.name.strip().casefold(), escape(system.name))


def _format_mac(version: tuple[int, ...], locale: UserLocale) -> str:
    if not version:
        return "macOS"
    if version[:2] == (10, 15):
        return locale.text("macOS 10.15 or later")
    return "macOS " + ".".join(map(str, version[:2]))


def _is_frozen_ios(device: Device, version: tuple[int, ...]) -> bool:
    browser = _numbers(device.version)
    return version[:2] == _FROZEN_IOS and browser >= (_FIRST_SAFARI_WITH_FROZEN_IOS,)


def _format_version(text: str, parts: int) -> str:
    return ".".join(map(str, _numbers(text)[:parts]))


def _numbers(text: str) -> tuple[int, ...]:
    found = _VERSION.match(text.strip())
    parts = found[0].split(".") if found else []
    return tuple(int(part) for part in parts if len(part) <= _MAX_NUMBER)


def _join(*words: str) -> str:
    return " ".join(word for word in words if word)
