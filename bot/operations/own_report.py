"""The bot's report about itself, into a room of the operator's, by the same clock as people's."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import structlog

from bot.delivery import Delivery
from bot.errors import RefusedError, WorkspaceError
from bot.figures import Figures, Standing
from bot.formatting.own_report import format_own_report
from bot.formatting.reader import ENGLISH, Reader, find_zone
from bot.models import Sender
from bot.operations.bookkeeping import Bookkeeping
from bot.rocketchat.rest import Rest
from bot.services.plans import Plans
from bot.storage.database import Database
from bot.storage.demand import load_backlog
from bot.storage.schedules import Schedule
from bot.timetable import Timetable, parse_timetable

SESSIONS: Final = "GET v1/sessions/list"
"""The route that most questions and all reports need."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What the operator wants: when, in which zone (an IANA name), into which room."""

    room: str
    timetable: Timetable
    zone: str


def make_wish(room: str, rule: str, zone: str) -> Wish | None:
    """Make the wish; None without a room. Raises UsageError for a rule that is none."""
    return Wish(room, parse_timetable(rule), zone) if room else None


@dataclass(frozen=True, slots=True)
class OwnReportParts:
    """What the report is made of; ``account`` is the bot's own, ``version`` the program's."""

    account: Sender
    version: str
    rest: Rest
    delivery: Delivery
    database: Database
    plans: Plans
    books: Bookkeeping
    now: Callable[[], datetime]


class OwnReport:
    """Makes and sends the report; without a wish there is none."""

    def __init__(self, parts: OwnReportParts, wish: Wish | None) -> None:
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
        reader = Reader(ENGLISH, find_zone(wish.zone, None))
        figures = Figures(tally.since, tally.fresh)
        reply = format_own_report(figures, standing, reader)
        await parts.delivery.post(room_id, reply, cause)
        await parts.books.mark(tally)
        return "sent"

    async def _find_room(self, wish: Wish) -> str:
        room = await self._parts.rest.inquiries.find_room(wish.room)
        if room is None:
            raise RefusedError(f"[report] room: there is no {wish.room} that the bot can see")
        if not room.is_member:
            raise RefusedError(f"[report] room: the bot is not in {wish.room}; invite it there")
        return room.id

    async def _look_round(self, next_at: datetime) -> Standing:
        parts = self._parts
        backlog = await load_backlog(parts.database, parts.now())
        return Standing(
            version=parts.version,
            workspace_version=await parts.rest.fetch_version(),
            connected=backlog.connected,
            watched=backlog.watched,
            limit=parts.rest.budget.allowed.get(SESSIONS),
            next_at=next_at,
        )
