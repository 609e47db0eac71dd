"""Sessions of one device, as far as sessions tell devices apart."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import Final

from bot.models import Device, Session

_NETWORK_BITS: Final = {4: 24, 6: 48}


@dataclass(frozen=True, slots=True)
class DeviceSessions:
    """Sessions that look like one device at one address, newest first; at least one."""

    sessions: tuple[Session, ...]
    name: str = ""

    @property
    def newest(self) -> Session:
        """The session that stands for the device."""
        return self.sessions[0]

    @property
    def ids(self) -> list[str]:
        """The ids of all its sessions, newest first."""
        return [session.id for session in self.sessions]


@dataclass(frozen=True, slots=True)
class DeviceSnapshot:
    """What is remembered of a device: program, system, network; never the session's document."""

    device: Device
    network: str


@dataclass(frozen=True, slots=True)
class GoneDevice:
    """A device that was in the last report and is signed in no more; when it was seen, if known."""

    seen: DeviceSnapshot
    name: str = ""
    first_seen_at: datetime | None = None
    last_seen_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """A person's devices, the first being number 1, and what is different from the last report.

    ``since`` is the time of that one, None for the first of all. ``new`` are numbers; ``changed``
    has what a number looked like before; ``unusual`` has numbers worth a look, with the time when
    the device was first seen where that is why.
    """

    devices: tuple[DeviceSessions, ...]
    since: datetime | None = None
    new: frozenset[int] = frozenset()
    changed: Mapping[int, Device] = field(default_factory=dict)
    gone: tuple[GoneDevice, ...] = ()
    unusual: Mapping[int, datetime | None] = field(default_factory=dict)

    @property
    def has_changes(self) -> bool:
        """Whether anything is different; the first report has nothing to compare with."""
        return bool(self.new or self.changed or self.gone)


def make_device_key(session: Session) -> str:
    """Tell devices apart by program, system and network.

    A session's id changes with every reconnect, and versions with every update. The network is
    part of it, so that a name someone gave never passes to a like device somewhere else.
    """
    device = session.device
    parts = (device.type, device.name, device.os.name, find_network(session.ip))
    return "|".join(part.replace("|", " ").strip().casefold()[:80] for part in parts)


@lru_cache(maxsize=1000)
def find_network(ip: str) -> str:
    """Return the network round an address: ``203.0.113.0/24``, ``2001:db8::/48``; or nothing."""
    try:
        address = ip_address(ip.strip())
    except ValueError:
        return ""
    address = getattr(address, "ipv4_mapped", None) or address
    return str(ip_network(f"{address}/{_NETWORK_BITS[address.version]}", strict=False))


def group_by_device(
    sessions: Iterable[Session], names: dict[str, str]
) -> tuple[DeviceSessions, ...]:
    """Put sessions of one device and address together; ``names`` are by device key."""
    groups: dict[tuple[str, ...], list[Session]] = {}
    for session in sessions:
        device = session.device
        looks = (device.type, device.name, device.version, device.os.name, device.os.version)
        groups.setdefault((*looks, session.ip), []).append(session)
    return tuple(
        DeviceSessions(tuple(group), names.get(make_device_key(group[0]), ""))
        for group in groups.values()
    )


def make_snapshots(devices: Sequence[DeviceSessions]) -> dict[str, DeviceSnapshot]:
    """Return what is remembered of devices, by device key; the newest sign-in counts."""
    return {
        make_device_key(device.newest): DeviceSnapshot(
            device.newest.device, find_network(device.newest.ip)
        )
        for device in reversed(devices)
    }
