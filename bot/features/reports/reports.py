"""A report: a person's devices, and what is different from the report before."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final

from bot.features.alerts.known_devices import KnownDevice, KnownDevices
from bot.features.sessions.device_names import format_device
from bot.features.sessions.devices import (
    DeviceSessions,
    GoneDevice,
    Report,
    make_device_key,
    make_snapshots,
)
from bot.features.sessions.sessions import Sessions
from bot.features.sessions.store import DeviceNames
from bot.formatting.locale import UserLocale
from bot.models import Device

_RECENT: Final = timedelta(days=7)


class Reports:
    """Makes reports, and remembers the last one of each person."""

    def __init__(
        self,
        sessions: Sessions,
        sightings: KnownDevices,
        names: DeviceNames,
        now: Callable[[], datetime],
    ) -> None:
        self._sessions: Final = sessions
        self._sightings: Final = sightings
        self._names: Final = names
        self._now: Final = now

    async def make(self, user_id: str, *, is_fresh: bool = False) -> Report:
        """Look at the devices and compare; changes nothing, so it may be done again.

        Raises NotConnectedError, NotLicensedError, WorkspaceError.
        """
        devices = await self._sessions.look_at_devices(user_id, is_fresh=is_fresh)
        remembered = await self._sightings.load(user_id)
        names = await self._names.load(user_id)
        return compare(devices, remembered, names, self._now())

    async def number(self, user_id: str, report: Report) -> None:
        """Let the numbers mean what this report shows under them."""
        await self._sessions.number(user_id, report.devices)

    async def keep(self, user_id: str, report: Report) -> None:
        """Remember the report: the next one is compared with it."""
        await self._sightings.save_report(user_id, make_snapshots(report.devices), self._now())


def compare(
    devices: tuple[DeviceSessions, ...],
    remembered: Mapping[str, KnownDevice],
    names: Mapping[str, str],
    now: datetime,
) -> Report:
    """Find what is new, changed or gone since the last report, and what is worth a look."""
    last = {key: each for key, each in remembered.items() if each.reported_at}
    keys = {n: make_device_key(device.newest) for n, device in enumerate(devices, 1)}
    present = set(keys.values())
    gone = [
        GoneDevice(each.snapshot, names.get(key, ""), each.first_seen_at, each.last_seen_at)
        for key, each in last.items()
        if key not in present
    ]
    return Report(
        devices,
        since=max((each.reported_at for each in last.values() if each.reported_at), default=None),
        new=frozenset(n for n, key in keys.items() if last and key not in last),
        changed=_find_changed(devices, keys, last),
        gone=tuple(gone),
        unusual=_find_unusual(devices, keys, remembered, now),
    )


def _find_changed(
    devices: tuple[DeviceSessions, ...], keys: Mapping[int, str], last: Mapping[str, KnownDevice]
) -> dict[int, Device]:
    newest: dict[str, int] = {}
    for number, key in keys.items():
        newest.setdefault(key, number)
    return {
        number: last[key].snapshot.device
        for key, number in newest.items()
        if key in last
        and _in_words(last[key].snapshot.device) != _in_words(_device(devices, number))
    }


def _find_unusual(
    devices: tuple[DeviceSessions, ...],
    keys: Mapping[int, str],
    remembered: Mapping[str, KnownDevice],
    now: datetime,
) -> dict[int, datetime | None]:
    """Find programs without a name, and devices first seen a few days ago and after others."""
    first = min((each.first_seen_at for each in remembered.values()), default=now)
    found: dict[int, datetime | None] = {}
    for number, key in keys.items():
        seen_at = remembered[key].first_seen_at if key in remembered else None
        if devices[number - 1].name:
            continue
        if seen_at and seen_at > first and now - seen_at < _RECENT:
            found[number] = seen_at
        elif not _device(devices, number).name:
            found[number] = None
    return found


def _device(devices: tuple[DeviceSessions, ...], number: int) -> Device:
    return devices[number - 1].newest.device


def _in_words(device: Device) -> str:
    # Two versions that people are told as one are no change.
    return format_device(device, UserLocale())
