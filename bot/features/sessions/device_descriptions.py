"""What can be known of a device from its user agent, as values that can be compared.

Browsers freeze parts of their user agent: Windows 11 says 10, macOS 11 and later say 10.15, Android
says 10 and Safari 26 says iOS 18.6 whatever the system is.
"""

import re
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from bot.formatting.text import escape
from bot.models import Device, OperatingSystem

_VERSION: Final = re.compile(r"\d+(?:\.\d+)*")
_MAX_DIGITS: Final = 9
_FROZEN_IOS: Final = (18, 6)
_FIRST_SAFARI_WITH_FROZEN_IOS: Final = 26
_SYSTEM_NAMES: Final = {
    "android": "Android",
    "ios": "iOS",
    "mac os": "macOS",
    "mac os x": "macOS",
    "macos": "macOS",
}


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
    WINDOWS_10_OR_11 = auto()
    MACOS_10_15_OR_LATER = auto()
    ANDROID_10_OR_LATER = auto()
    IOS_18_6_OR_LATER = auto()


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
    return Client(ClientKind.BROWSER, escape(device.name), _read_version(device.version)[:1])


def describe_system(device: Device, client: Client) -> System:
    """Read the operating system as far as it can be known."""
    is_in_app_name = client.kind in {ClientKind.IOS_APP, ClientKind.ANDROID_APP}
    if is_in_app_name and not device.os.version:
        return System()
    name, version = _read_name(device.os), _read_version(device.os.version)
    if name == "Windows" and version[:1] == (10,):
        return System(SystemKind.WINDOWS_10_OR_11)
    if name == "macOS" and version[:2] == (10, 15):
        return System(SystemKind.MACOS_10_15_OR_LATER)
    if name == "Android" and version == (10,) and device.type != "mobile-app":
        return System(SystemKind.ANDROID_10_OR_LATER)
    if name == "iOS" and _has_frozen_ios(device, version):
        return System(SystemKind.IOS_18_6_OR_LATER)
    return System(SystemKind.NAMED, name, version[:2])


def _read_name(system: OperatingSystem) -> str:
    return _SYSTEM_NAMES.get(system.name.strip().casefold(), escape(system.name))


def _has_frozen_ios(device: Device, version: tuple[int, ...]) -> bool:
    browser = _read_version(device.version)
    return version[:2] == _FROZEN_IOS and browser >= (_FIRST_SAFARI_WITH_FROZEN_IOS,)


def _read_version(text: str) -> tuple[int, ...]:
    found = _VERSION.match(text.strip())
    parts = found[0].split(".") if found else []
    return tuple(int(part) for part in parts if len(part) <= _MAX_DIGITS)
