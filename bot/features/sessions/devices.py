"""Devices: sessions grouped, keyed and remembered by what tells devices apart."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from bot.features.sessions.addresses import find_network
from bot.models import Device, Session

_RECENT: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class DeviceSessions:
    """Sessions that look like one device at one address, newest first; at least one.

    ``name`` is the person's own name for the device, or empty.
    """

    sessions: tuple[Session, ...]
    name: str = ""

    @property
    def newest(self) -> Session:
        """The newest session, which represents the device."""
        return self.sessions[0]

    @property
    def ids(self) -> list[str]:
        """The ids of all its sessions, newest first."""
        return [session.id for session in self.sessions]


NumberedDevice = tuple[int, DeviceSessions]
"""A device with the number under which a list shows it, from 1 on."""


@dataclass(frozen=True, slots=True)
class DeviceSnapshot:
    """What is remembered of a device: program, operating system, network."""

    device: Device
    network: str


def make_device_key(session: Session) -> str:
    """Return what identifies a device: program, operating system and network.

    Not the session's id, which changes with every reconnect, nor versions, which change with
    every update. The network keeps a name that a person chose from passing to a similar device
    somewhere else.
    """
    device = session.device
    parts = (device.type, device.name, device.os.name, find_network(session.ip))
    return "|".join(part.replace("|", " ").strip().casefold()[:80] for part in parts)


def group_by_device(
    sessions: Iterable[Session], names: dict[str, str]
) -> tuple[DeviceSessions, ...]:
    """Group the sessions of each device and address; ``names`` are by device key."""
    groups: dict[tuple[str, ...], list[Session]] = {}
    for session in sessions:
        device = session.device
        looks = (device.type, device.name, device.version, device.os.name, device.os.version)
        groups.setdefault((*looks, session.ip), []).append(session)
    return tuple(
        DeviceSessions(tuple(group), names.get(make_device_key(group[0]), ""))
        for group in groups.values()
    )


def find_own_device(
    devices: Sequence[DeviceSessions], announced: Collection[str], now: datetime
) -> DeviceSessions | None:
    """Return the device that its owner is using, or None where that is not certain.

    It is certain only where every other device is a script or was reported as new (its key is
    ``announced``), and this one signed in more than a day ago. The newest is no answer: somebody
    who has just broken in has the newest.
    """
    rest = [
        each
        for each in devices
        if make_device_key(each.newest) not in announced and not may_be_script(each.newest.device)
    ]
    signed_in_at = rest[0].newest.logged_in_at if len(rest) == 1 else None
    return rest[0] if signed_in_at and now - signed_in_at > _RECENT else None


def may_be_script(device: Device) -> bool:
    """Return whether it may have signed in with a personal access token.

    Such a program loses the token with its session (server source ``Sessions`` and ``logout.me``,
    8.3); its device is recorded as empty.
    """
    return not (device.name or device.os.name)


def is_signed_out(session: Session, signed_out_at: datetime | None) -> bool:
    """Return whether it ended with all others at that time, though the workspace lists it.

    A script may have signed in with a personal access token, which lives on.
    """
    at = session.logged_in_at
    if signed_out_at is None or at is None or may_be_script(session.device):
        return False
    return at <= signed_out_at


def make_snapshots(devices: Sequence[DeviceSessions]) -> dict[str, DeviceSnapshot]:
    """Return what is to be remembered of devices, by key; the newest of a key counts."""
    return {
        make_device_key(device.newest): DeviceSnapshot(
            device.newest.device, find_network(device.newest.ip)
        )
        for device in reversed(devices)
    }
