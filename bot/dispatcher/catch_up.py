"""What was said while the bot was away, fetched over REST from the rooms that have changed."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

import structlog

from bot.dispatcher.server_clock import ServerClock
from bot.errors import RefusedError
from bot.models import Message, Room, RoomType
from bot.rocketchat.client import HistoryPage
from bot.storage.checkpoints import Checkpoint

# A client may date a message up to 60 s off (server source `sendMessage.ts`, 8.3), and the server
# tells of it only when it has fetched the previews of its links.
OVERLAP: Final = timedelta(seconds=90)
_LOOK_BACK: Final = timedelta(days=7)
_ROOMS_AT_ONCE: Final = 4
_MOST_OLD_PAGES: Final = 10


class History(Protocol):
    """What catching up asks the workspace."""

    async def fetch_time(self) -> datetime:
        """Give the server's time."""
        ...

    async def fetch_changed_rooms(self, since: datetime) -> tuple[Room, ...]:
        """Give the rooms in which something was said since then."""
        ...

    async def fetch_history(
        self, room: Room, oldest: datetime, latest: datetime | None = None
    ) -> HistoryPage:
        """Give a page of what was said in between, newest first."""
        ...


class Bookmark(Protocol):
    """Where it is kept how far the bot has heard."""

    async def load_or_begin(self, server_now: datetime) -> Checkpoint:
        """Give the checkpoint; on the very first start it is the present."""
        ...


@dataclass(frozen=True, slots=True)
class Missed:
    """What was said meanwhile, each in its order; ``old`` is too old to be answered.

    ``heard_until`` is the server's time up to which this is all; ``gap`` names the absence.
    """

    fresh: tuple[Message, ...]
    old: tuple[Message, ...]
    heard_until: datetime
    began_at: datetime
    gap: str


@dataclass(frozen=True, slots=True)
class _Span:
    """Everything since ``oldest`` is looked for; before ``cutoff`` it is too old."""

    oldest: datetime
    cutoff: datetime


class CatchUp:
    """Finds what was said since the checkpoint; ``window`` is how long an answer is worth it.

    ``is_worth`` picks the messages that may be meant for the bot.
    """

    def __init__(
        self,
        history: History,
        bookmark: Bookmark,
        clock: ServerClock,
        *,
        window: timedelta,
        is_worth: Callable[[Message], bool],
    ) -> None:
        self._history: Final = history
        self._bookmark: Final = bookmark
        self._clock: Final = clock
        self._window: Final = window
        self._is_worth: Final = is_worth
        self._settled_until: datetime | None = None
        self._put_back = timedelta()
        self._log = structlog.get_logger("catch up")

    async def find_missed(self) -> Missed:
        """Fetch it all; raises WorkspaceError, StorageError, and is then to be tried again.

        Costs a call, one more for each hundred messages of each room that has changed, and one
        for the workspace's clock: ours is never compared with the times of messages.
        """
        server_now = await self._history.fetch_time()
        self._put_back += self._clock.learn(server_now)
        checkpoint = await self._bookmark.load_or_begin(server_now)
        # Where the clock was put back, the checkpoint is ahead of the time for a while.
        heard_until = min(checkpoint.heard_until, self._settled_until or checkpoint.heard_until)
        since = max(heard_until - OVERLAP - self._put_back, checkpoint.began_at)
        look_back = max(self._window, _LOOK_BACK)
        span = _Span(max(since, server_now - look_back), server_now - self._window)
        found = await self._fetch(span)
        fresh = tuple(each for each in found if each.sent_at >= span.cutoff)
        old = tuple(each for each in found if each.sent_at < span.cutoff)
        return Missed(
            fresh, old, server_now, checkpoint.began_at, checkpoint.heard_until.isoformat()
        )

    def settle(self, until: datetime) -> None:
        """Note that all that was said until then, in the server's time, is in safe hands."""
        self._settled_until, self._put_back = until, timedelta()

    async def _fetch(self, span: _Span) -> list[Message]:
        rooms = await self._history.fetch_changed_rooms(span.oldest)
        found: dict[str, Message] = {}
        places = asyncio.Semaphore(_ROOMS_AT_ONCE)

        async def read(room: Room) -> None:
            async with places:
                async for message in self._read(room, span):
                    found[message.id] = message

        try:
            async with asyncio.TaskGroup() as tasks:
                for room in rooms:
                    if room.type is not RoomType.OTHER:
                        tasks.create_task(read(room))
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None
        if rooms:
            self._log.info("caught up", rooms=len(rooms), messages=len(found))
        # What was said in one millisecond keeps its order.
        oldest_first = list(reversed(found.values()))
        return sorted(oldest_first, key=lambda each: each.sent_at)

    async def _read(self, room: Room, span: _Span) -> AsyncIterator[Message]:
        try:
            async for page in self._turn_pages(room, span):
                for message in page:
                    if message.sent_at >= span.oldest and self._is_worth(message):
                        yield message
        except RefusedError as error:
            # The bot has left it, or it is gone: nothing there can be answered.
            self._log.warning("a room could not be read", room_id=room.id, reason=str(error))

    async def _turn_pages(self, room: Room, span: _Span) -> AsyncIterator[tuple[Message, ...]]:
        latest: datetime | None = None
        old_pages = 0
        while old_pages < _MOST_OLD_PAGES:
            page = await self._history.fetch_history(room, span.oldest, latest)
            yield page.messages
            before, latest = latest, min((each.sent_at for each in page.messages), default=latest)
            if page.is_last or latest is None or latest == before:
                return
            # Not by counting: what is deleted meanwhile would move another out of sight.
            old_pages += latest < span.cutoff
