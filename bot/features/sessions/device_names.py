"""Devices and addresses in words."""

from bot.features.sessions.addresses import is_private
from bot.features.sessions.device_descriptions import (
    Client,
    ClientKind,
    System,
    SystemKind,
    describe_device,
)
from bot.formatting.locale import UserLocale
from bot.formatting.text import code
from bot.models import Device, Session


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
    """Show the address, and that it is private where it is; ``not recorded`` without one."""
    shown = code(session.ip)
    if shown and is_private(session.ip):
        return locale.text("{address} (private network)", address=shown)
    return shown or locale.text("not recorded")


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
