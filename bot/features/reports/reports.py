"""Reports: a person's devices, compared with the report before."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from bot.features.alerts.known_devices import KnownDevices
from bot.features.reports.comparison import Report, compare
from bot.features.sessions.devices import make_device_key, make_snapshots
from bot.features.sessions.sessions import Sessions
from bot.storage.database import Database


class Reports:
    """Makes reports, and remembers the last one of each person."""

    def __init__(self, sessions: Sessions, database: Database, now: Callable[[], datetime]) -> None:
        self._sessions: Final = sessions
        self._known_devices: Final = KnownDevices(database)
        self._now: Final = now

    async def make(self, user_id: str, *, is_scheduled: bool = False) -> Report:
        """Fetch the devices and compare them with the last report, without saving anything.

        A scheduled report never has a cached answer, and lets the calls of people go first. Raises
        NotConnectedError, NotLicensedError, WorkspaceError.
        """
        devices = await self._sessions.fetch_devices(
            user_id, is_fresh=is_scheduled, is_background=is_scheduled
        )
        known = await self._known_devices.load(user_id)
        names = await self._sessions.load_names(user_id)
        return compare(devices, known, names, self._now())

    async def save(self, user_id: str, report: Report) -> None:
        """Remember the report: the next one is compared with it."""
        announced = {make_device_key(report.devices[number - 1].newest) for number in report.new}
        await self._known_devices.save_report(
            user_id, make_snapshots(report.devices), self._now(), announced
        )
