"""Messages sent while the bot was away, fetched over REST from the rooms that have changed."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog

from bot.dispatcher.server_clock import ServerClock
from bot.errors import RefusedError
from bot.models import Message, Room, RoomType
from bot.rocketchat.client import RestClient
from bot.storage.checkpoints import Checkpoints

# A client may date a message up to 60 s off (server source `sendMessage.ts`, 8.3), and the server
# tells of it only when it has fetched the previews of its links.
OVERLAP: Final = timedelta(seconds=90)
_MAX_LOOK_BACK: Final = timedelta(days=7)
_MAX_CONCURRENT_ROOMS: Final = 4
_MAX_OLD_PAGES: Final = 10


@dataclass(frozen=True, slots=True)
class Missed:
    """The messages found, in order; ``old`` ones are too old to be answered.

    Nothing is missing up to ``received_until``, the server's time; ``gap`` identifies the absence.
    """

    fresh: tuple[Message, ...]
    old: tuple[Message, ...]
    received_until: datetime
    started_at: datetime
    gap: str


@dataclass(frozen=True, slots=True)
class _Span:
    """Messages since ``oldest`` are fetched; those before ``cutoff`` are too old."""

    oldest: datetime
    cutoff: datetime


class CatchUp:
    """Finds the messages since the checkpoint; those older than the window are not answered.

    ``may_be_for_bot`` picks the messages that may be meant for the bot.
    """

    def __init__(
        self,
        rest: RestClient,
        checkpoints: Checkpoints,
        server_clock: ServerClock,
        may_be_for_bot: Callable[[Message], bool],
    ) -> None:
        self._rest: Final = rest
        self._checkpoints: Final = checkpoints
        self._server_clock: Final = server_clock
        self._window: Final = server_clock.window
        self._may_be_for_bot: Final = may_be_for_bot
        self._settled_until: datetime | None = None
        # When the rooms that were read last had changed, by id, and the same of what is saved.
        self._changes_read: dict[str, datetime] = {}
        self._changes_saved: dict[str, datetime] = {}
        self._clock_set_back = timedelta()
        self._log = structlog.get_logger("catch up")

    async def find_missed(self) -> Missed:
        """Fetch what was missed; raises WorkspaceError, StorageError, and may then be called again.

        Costs a call, one more for each hundred messages of each room that has changed since it was
        last read, and one for the workspace's clock: ours is never compared with the times of
        messages.
        """
        server_now = await self._rest.fetch_time()
        self._clock_set_back += self._server_clock.learn(server_now)
        checkpoint = await self._checkpoints.load_or_make(server_now)
        # After the server's clock was set back, the checkpoint is ahead of it for a while.
        received_until = min(
            checkpoint.received_until, self._settled_until or checkpoint.received_until
        )
        since = max(received_until - OVERLAP - self._clock_set_back, checkpoint.started_at)
        look_back = max(self._window, _MAX_LOOK_BACK)
        span = _Span(max(since, server_now - look_back), server_now - self._window)
        found = await self._fetch(span, server_now)
        fresh = tuple(each for each in found if each.sent_at >= span.cutoff)
        old = tuple(each for each in found if each.sent_at < span.cutoff)
        return Missed(
            fresh, old, server_now, checkpoint.started_at, checkpoint.received_until.isoformat()
        )

    async def settle(self, until: datetime, now: datetime) -> None:
        """Note that all messages until then, in the server's time, are saved.

        ``now`` is our own time. Raises StorageError.
        """
        await self._checkpoints.advance(until, now)
        self._settled_until, self._clock_set_back = until, timedelta()
        self._changes_saved = self._changes_read

    async def _fetch(self, span: _Span, server_now: datetime) -> list[Message]:
        changed = await self._rest.fetch_changed_rooms(span.oldest)
        rooms = [each for each in changed if self._is_to_be_read(each)]
        # A message is stored before its room is changed (seen on 8.3: 17 ms before), so a room that
        # has not changed since it was read has nothing new; within a second this is not certain.
        self._changes_read = {
            each.id: each.updated_at
            for each in changed
            if each.updated_at is not None and each.updated_at < server_now
        }
        found: dict[str, Message] = {}
        places = asyncio.Semaphore(_MAX_CONCURRENT_ROOMS)

        async def read(room: Room) -> None:
            async with places:
                async for message in self._read_room(room, span):
                    found[message.id] = message

        try:
            async with asyncio.TaskGroup() as tasks:
                for room in rooms:
                    tasks.create_task(read(room))
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None
        if rooms:
            self._log.info("caught up", rooms=len(rooms), messages=len(found))
        # Messages of the same millisecond keep their order.
        oldest_first = list(reversed(found.values()))
        return sorted(oldest_first, key=lambda each: each.sent_at)

    def _is_to_be_read(self, room: Room) -> bool:
        is_known = room.updated_at and self._changes_saved.get(room.id) == room.updated_at
        return room.type is not RoomType.OTHER and not is_known

    async def _read_room(self, room: Room, span: _Span) -> AsyncIterator[Message]:
        try:
            async for page in self._turn_pages(room, span):
                for message in page:
                    if message.sent_at >= span.oldest and self._may_be_for_bot(message):
                        yield message
        except RefusedError as error:
            # The bot has left it, or it is gone: nothing there can be answered.
            self._log.warning("a room could not be read", room_id=room.id, reason=str(error))
            self._changes_read.pop(room.id, None)

    async def _turn_pages(self, room: Room, span: _Span) -> AsyncIterator[tuple[Message, ...]]:
        latest: datetime | None = None
        old_pages = 0
        while old_pages < _MAX_OLD_PAGES:
            page = await self._rest.fetch_history(room, span.oldest, latest)
            yield page.messages
            before, latest = latest, min((each.sent_at for each in page.messages), default=latest)
            if page.is_last or latest is None or latest == before:
                return
            # By time, not by count: a message deleted meanwhile would hide another one.
            old_pages += latest < span.cutoff
