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
_REPEAT_FOR: Final = timedelta(seconds=20)  # for work that read the clock before


class ClockSetback:
    """Corrects stored times at the start, and after each time that the clock was set back.

    Not while the clock is behind the workspace's: then the stored times may be right.
    ``fetch_time`` returns the workspace's time.
    """

    def __init__(
        self,
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
        self._repeat_until: datetime | None = None
        self._is_behind = False
        self._log = structlog.get_logger("clock")

    async def correct_times(self) -> None:
        """Correct what is stored, where it may be wrong; raise StorageError."""
        now, latest = self._now(), self._latest
        if latest is not None and now > latest - _SET_BACK:
            self._latest = max(now, latest)
            if self._repeat_until is not None:
                await self._correct(now)
                self._repeat_until = self._repeat_until if now < self._repeat_until else None
            return
        if await self._is_too_early(now):
            return
        await self._correct(now)
        self._latest = now
        if latest is not None:
            self._log.warning("the clock was set back", by=str(latest - now))
            self._repeat_until = now + _REPEAT_FOR

    async def _is_too_early(self, now: datetime) -> bool:
        """Return whether the clock is behind the workspace's, or this cannot be known now."""
        try:
            server_now = await self._fetch_time()
        except WorkspaceError:
            return True
        was_behind, self._is_behind = self._is_behind, now < server_now - _MAX_BEHIND
        if self._is_behind and not was_behind:
            self._log.error("this machine's clock is behind the workspace's", now=str(now))
        return self._is_behind

    async def _correct(self, now: datetime) -> None:
        await cut_future_times(self._database, now)
        schedules = await self._schedules.bring_back()
        alerts = await self._alerts.bring_back()
        if schedules or alerts:
            self._log.warning("brought back from the future", schedules=schedules, alerts=alerts)
