"""Times that were stored while this machine's clock was ahead, such as a next report in 2028."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final

import structlog

from bot.errors import WorkspaceError
from bot.features.alerts.alerts import Alerts
from bot.features.reports.schedules import Schedules
from bot.storage.database import Database
from bot.storage.future_times import cut_future_times

_MAX_BEHIND: Final = timedelta(hours=1)
_SET_BACK: Final = timedelta(minutes=1)


class ClockSetback:
    """Corrects stored times at the start, and after each time that the clock was set back.

    Not while the clock is behind the workspace's: then the stored times may be right.
    ``fetch_time`` returns the workspace's time.
    """

    def __init__(
        self,
        *,
        database: Database,
        schedules: Schedules,
        alerts: Alerts,
        fetch_time: Callable[[], Awaitable[datetime]],
        now: Callable[[], datetime],
    ) -> None:
        self._database: Final = database
        self._schedules: Final = schedules
        self._alerts: Final = alerts
        self._fetch_time: Final = fetch_time
        self._now: Final = now
        self._latest: datetime | None = None
        self._is_behind = False
        self._log = structlog.get_logger("clock")

    async def correct_times(self) -> None:
        """Correct what is stored, where it may be wrong; raise StorageError."""
        now = self._now()
        if self._latest is not None and now > self._latest - _SET_BACK:
            self._latest = max(now, self._latest)
            return
        try:
            server_now = await self._fetch_time()
        except WorkspaceError:
            return
        was_behind, self._is_behind = self._is_behind, now < server_now - _MAX_BEHIND
        if self._is_behind:
            if not was_behind:
                self._log.error("this machine's clock is behind the workspace's", now=str(now))
            return
        if self._latest is not None:
            self._log.warning("the clock was set back", by=str(self._latest - now))
        await self._correct(now)
        self._latest = now

    async def _correct(self, now: datetime) -> None:
        await cut_future_times(self._database, now)
        schedules = await self._schedules.bring_back()
        alerts = await self._alerts.bring_back()
        if schedules or alerts:
            self._log.warning("brought back from the future", schedules=schedules, alerts=alerts)
