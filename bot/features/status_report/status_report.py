"""The bot's report about itself, on a schedule, for a room of the operator's choice."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import structlog

from bot.errors import RefusedError, StorageError, WorkspaceError
from bot.features.reports.runs import MAX_DELAY
from bot.features.reports.schedule_parsing import parse_schedule_rule
from bot.features.reports.schedule_rules import ScheduleRule
from bot.features.reports.schedules import Schedules
from bot.features.reports.store import Schedule
from bot.features.status_report.backlog import load_backlog, load_demand
from bot.features.status_report.capacity import describe, estimate
from bot.features.status_report.counters import CounterStore, CounterSums
from bot.features.status_report.messages import format_status_report
from bot.features.status_report.stats import Stats, WorkspaceStatus
from bot.formatting.locale import UserLocale, find_zone
from bot.models import Reply
from bot.rocketchat.client import RestClient
from bot.rocketchat.inspection import find_room
from bot.storage.database import Database

SESSIONS_ROUTE: Final = "GET v1/sessions/list"
"""The route that most questions and all reports need."""

_SETTING: Final = "[status_report] room"


@dataclass(frozen=True, slots=True)
class StatusReportSettings:
    """When to send the status report, in which zone (an IANA name), into which room."""

    room: str
    rule: ScheduleRule
    zone: str


def make_status_report_settings(room: str, rule: str, zone: str) -> StatusReportSettings | None:
    """Return the settings, or None without a room; raise UsageError for a malformed rule."""
    return StatusReportSettings(room, parse_schedule_rule(rule), zone) if room else None


@dataclass(frozen=True, slots=True)
class PreparedStatusReport:
    """A report ready to be sent into ``room_id``, and the sums that it shows."""

    room_id: str
    reply: Reply
    sums: CounterSums


class StatusReport:
    """Schedules and makes the report; without ``settings`` there is none.

    ``bot_id`` is the bot's own user id, ``version`` the program's.
    """

    def __init__(
        self,
        settings: StatusReportSettings | None,
        *,
        bot_id: str,
        version: str,
        rest: RestClient,
        database: Database,
        schedules: Schedules,
        counters: CounterStore,
        now: Callable[[], datetime],
    ) -> None:
        self._settings: Final = settings
        self._bot_id: Final = bot_id
        self._version: Final = version
        self._rest: Final = rest.in_background()
        self._database: Final = database
        self._schedules: Final = schedules
        self._counters: Final = counters
        self._now: Final = now
        self._log = structlog.get_logger("status report")

    def is_for(self, user_id: str) -> bool:
        """Return whether a schedule is the bot's own."""
        return user_id == self._bot_id

    async def run(self) -> None:
        """Schedule the report, log what the rate limit means, save the counters until cancelled."""
        try:
            await self._schedule()
            await self._log_capacity()
        except StorageError as error:
            self._log.warning("the operator's report could not be scheduled", problem=str(error))
        await self._check_room()
        await self._counters.run()

    async def make(self, schedule: Schedule) -> PreparedStatusReport | None:
        """Make the report of what was counted since the last one.

        Return None where this process has no settings for it: another one, with other settings,
        has scheduled it. Raises WorkspaceError, StorageError.
        """
        settings = self._settings
        if settings is None:
            return None
        room_id = await self._find_room(settings)
        sums = await self._counters.load()
        status = await self._fetch_status(schedule.next_at)
        language = await self._rest.fetch_language()
        locale = UserLocale(language, find_zone(settings.zone, None))
        reply = format_status_report(Stats(sums.since, sums.fresh), status, locale)
        return PreparedStatusReport(room_id, reply, sums)

    async def note_sent(self, report: PreparedStatusReport) -> None:
        """Let the next report begin where this one ends; raises StorageError."""
        await self._counters.mark_reported(report.sums)

    async def _find_room(self, settings: StatusReportSettings) -> str:
        room = await find_room(self._rest, settings.room)
        if room is None:
            raise RefusedError(f"{_SETTING}: there is no {settings.room} that the bot can see")
        if not room.is_member:
            raise RefusedError(f"{_SETTING}: the bot is not in {settings.room}; invite it there")
        return room.id

    async def _fetch_status(self, next_at: datetime) -> WorkspaceStatus:
        backlog = await load_backlog(self._database, self._now())
        return WorkspaceStatus(
            version=self._version,
            workspace_version=await self._rest.fetch_version(),
            connected=backlog.connected,
            watched=backlog.watched,
            limit=self._rest.rate_limiter.limits.get(SESSIONS_ROUTE),
            next_at=next_at,
        )

    async def _schedule(self) -> None:
        settings = self._settings
        if settings is None:
            await self._schedules.store.delete(self._bot_id)
        else:
            await self._schedules.save_for_bot(self._bot_id, settings.rule, settings.zone)

    async def _log_capacity(self) -> None:
        demand = await load_demand(self._database, self._bot_id)
        capacity = estimate(demand, self._rest.rate_limiter.limits.get(SESSIONS_ROUTE))
        self._log.info("capacity", estimate="; ".join(describe(capacity, MAX_DELAY)))

    async def _check_room(self) -> None:
        """Log a warning where the report cannot be sent to its room; never raises."""
        if self._settings is None:
            return
        try:
            await self._find_room(self._settings)
        except RefusedError as error:
            self._log.warning("the operator's report cannot be sent", problem=str(error))
        except WorkspaceError as error:
            self._log.warning("the operator's room could not be checked", problem=str(error))
