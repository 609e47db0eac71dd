"""What is new, changed, gone or unusual about a person's devices since the last report. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from bot.features.alerts.known_devices import KnownDevice
from bot.features.sessions.device_names import describe_device
from bot.features.sessions.devices import DeviceSessions, DeviceSnapshot, make_device_key
from bot.models import Device

_RECENT: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class GoneDevice:
    """A device of the last report that is no longer signed in; when it was seen, if known."""

    snapshot: DeviceSnapshot
    name: str = ""
    first_seen_at: datetime | None = None
    last_seen_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """A person's devices, numbered from 1, and how they differ from the last report.

    ``since`` is the time of that one, None for the first report. ``new`` are numbers; ``changed``
    has by number what the device was before; ``unusual`` has numbers worth a look, with the time
    when the device was first seen where that is why.
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


def compare(
    devices: tuple[DeviceSessions, ...],
    known: Mapping[str, KnownDevice],
    names: Mapping[str, str],
    now: datetime,
) -> Report:
    """Compare devices with those known; ``known`` and ``names`` are by device key."""
    last = {key: each for key, each in known.items() if each.reported_at}
    keys = {number: make_device_key(device.newest) for number, device in enumerate(devices, 1)}
    present = set(keys.values())
    gone = [
        GoneDevice(each.snapshot, names.get(key, ""), each.first_seen_at, each.last_seen_at)
        for key, each in last.items()
        if key not in present
    ]
    return Report(
        devices,
        since=max((each.reported_at for each in last.values() if each.reported_at), default=None),
        new=frozenset(number for number, key in keys.items() if last and key not in last),
        changed=_find_changed(devices, keys, last),
        gone=tuple(gone),
        unusual=_find_unusual(devices, keys, known, now),
    )


def _find_changed(
    devices: Sequence[DeviceSessions], keys: Mapping[int, str], last: Mapping[str, KnownDevice]
) -> dict[int, Device]:
    newest: dict[str, int] = {}
    for number, key in keys.items():
        newest.setdefault(key, number)
    return {
        number: last[key].snapshot.device
        for key, number in newest.items()
        if key in last and _is_changed(last[key].snapshot.device, devices[number - 1].newest.device)
    }


def _is_changed(before: Device, after: Device) -> bool:
    # Two versions that are described alike are no change.
    return describe_device(before) != describe_device(after)


def _find_unusual(
    devices: Sequence[DeviceSessions],
    keys: Mapping[int, str],
    known: Mapping[str, KnownDevice],
    now: datetime,
) -> dict[int, datetime | None]:
    """Find unknown programs, and devices first seen within a week, but after others."""
    first = min((each.first_seen_at for each in known.values()), default=now)
    found: dict[int, datetime | None] = {}
    for number, key in keys.items():
        device = devices[number - 1]
        seen_at = known[key].first_seen_at if key in known else None
        if device.name:
            continue
        if seen_at and seen_at > first and now - seen_at < _RECENT:
            found[number] = seen_at
        elif not device.newest.device.name:
            found[number] = None
    return found
