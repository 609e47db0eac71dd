"""The bot's report about itself, into a room of the operator's, by the same clock as people's."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog

from bot.delivery.reply_sender import ReplySender
from bot.errors import RefusedError, StorageError, WorkspaceError
from bot.features.reports.schedule_rules import ScheduleRule, parse_timetable
from bot.features.reports.schedules import Schedules
from bot.features.reports.store import Schedule
from bot.features.status_report.capacity import describe, estimate
from bot.features.status_report.counters import CounterStore, load_backlog, load_demand
from bot.features.status_report.messages import format_status_report
from bot.features.status_report.stats import Stats, WorkspaceStatus
from bot.formatting.locale import ENGLISH, UserLocale, find_zone
from bot.models import Sender
from bot.rocketchat.client import RestClient
from bot.rocketchat.rate_limit.limiter import RateLimiter
from bot.storage.database import Database

SESSIONS: Final = "GET v1/sessions/list"
"""The route that most questions and all reports need."""


@dataclass(frozen=True, slots=True)
class StatusReportSettings:
    """What the operator wants: when, in which zone (an IANA name), into which room."""

    room: str
    timetable: ScheduleRule
    zone: str


def make_status_report_settings(room: str, rule: str, zone: str) -> StatusReportSettings | None:
    """Make the wish; None without a room. Raises UsageError for a rule that is none."""
    return StatusReportSettings(room, parse_timetable(rule), zone) if room else None


@dataclass(frozen=True, slots=True)
class StatusReportParts:
    """What the report is made of; ``account`` is the bot's own, ``version`` the program's."""

    account: Sender
    version: str
    rest: RestClient
    delivery: ReplySender
    database: Database
    plans: Schedules
    books: CounterStore
    now: Callable[[], datetime]


class StatusReport:
    """Makes and sends the report; without a wish there is none."""

    def __init__(self, parts: StatusReportParts, wish: StatusReportSettings | None) -> None:
        self._parts: Final = parts
        self._wish: Final = wish
        self._log = structlog.get_logger("own report")

    def is_for(self, user_id: str) -> bool:
        """Tell whether a schedule is the bot's own."""
        return user_id == self._parts.account.id

    async def arrange(self) -> None:
        """Plan it as it is wished; raises StorageError."""
        wish, account = self._wish, self._parts.account
        if wish is None:
            await self._parts.plans.stop(account.id)
        else:
            await self._parts.plans.arrange_own(account, wish.timetable, wish.zone)

    async def check_room(self) -> None:
        """Warn in the log where the report will not arrive; never fails."""
        if self._wish is None:
            return
        try:
            await self._find_room(self._wish)
        except RefusedError as error:
            self._log.warning("the operator's report cannot be sent", problem=str(error))
        except WorkspaceError as error:
            self._log.warning("the operator's room could not be checked", problem=str(error))

    async def send(self, schedule: Schedule, cause: str) -> str:
        """Send what has been counted since the last one; say in a word what became of it.

        Raises WorkspaceError, StorageError; may then be called again, and says nothing twice.
        """
        wish, parts = self._wish, self._parts
        if wish is None:
            # Another process, with other settings, has planned it.
            return "dropped"
        room_id = await self._find_room(wish)
        tally = await parts.books.load()
        standing = await self._look_round(schedule.next_at)
        locale = UserLocale(ENGLISH, find_zone(wish.zone, None))
        figures = Stats(tally.since, tally.fresh)
        reply = format_status_report(figures, standing, locale)
        await parts.delivery.post(room_id, reply, cause)
        await parts.books.mark(tally)
        return "sent"

    async def _find_room(self, wish: StatusReportSettings) -> str:
        room = await self._parts.rest.inquiries.find_room(wish.room)
        if room is None:
            raise RefusedError(f"[report] room: there is no {wish.room} that the bot can see")
        if not room.is_member:
            raise RefusedError(f"[report] room: the bot is not in {wish.room}; invite it there")
        return room.id

    async def _look_round(self, next_at: datetime) -> WorkspaceStatus:
        parts = self._parts
        backlog = await load_backlog(parts.database, parts.now())
        return WorkspaceStatus(
            version=parts.version,
            workspace_version=await parts.rest.fetch_version(),
            connected=backlog.connected,
            watched=backlog.watched,
            limit=parts.rest.budget.allowed.get(SESSIONS),
            next_at=next_at,
        )


@dataclass(frozen=True, slots=True)
class OperatorTaskParts:
    """What it looks after; ``grace`` is how late a report may be, ``bot_id`` the bot's own id."""

    books: CounterStore
    own_report: StatusReport
    database: Database
    budget: RateLimiter
    bot_id: str
    grace: timedelta


class OperatorTasks:
    """Plans the bot's own report, says what the rate limit means, and keeps the books."""

    def __init__(self, parts: OperatorTaskParts) -> None:
        self._parts: Final = parts
        self._log = structlog.get_logger("oversight")

    async def run(self) -> None:
        """Work until cancelled."""
        try:
            await self._parts.own_report.arrange()
            await self._tell_capacity()
        except StorageError as error:
            self._log.warning("the operator's report could not be planned", problem=str(error))
        await self._parts.own_report.check_room()
        await self._parts.books.run()

    async def _tell_capacity(self) -> None:
        parts = self._parts
        demand = await load_demand(parts.database, parts.bot_id)
        capacity = estimate(demand, parts.budget.allowed.get(SESSIONS))
        self._log.info("capacity", estimate="; ".join(describe(capacity, parts.grace)))
