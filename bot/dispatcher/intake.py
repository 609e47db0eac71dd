"""How messages come in: heard live or caught up on, written into the inbox, handed on in order."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog

from bot.dispatcher.catch_up import CatchUp, Missed
from bot.errors import BotError, StorageError, TokenRejectedError
from bot.models import Message, RoomType
from bot.parsing import Listener, is_spoken_by_a_person
from bot.storage.checkpoints import Checkpoints
from bot.storage_health import StorageHealth
from bot.workspace_clock import WorkspaceClock

_MOST_HEARD: Final = 10_000
_BATCH: Final = 500
_SAVE_EVERY: Final = 5.0
_PAUSE: Final = 0.5
_FAILURES_BEFORE_WORDS: Final = 4
_ENCRYPTED: Final = "e2e"
_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)


def is_worth_hearing(message: Message, listener: Listener) -> bool:
    """Tell what may be meant for the bot, as far as the message itself shows."""
    is_direct = message.room_type is RoomType.DIRECT
    if message.system_type == _ENCRYPTED:
        return is_direct and message.is_participant and message.sender.id != listener.bot.id
    is_meant = is_direct or listener.bot.id in message.mentioned_ids
    return is_meant and is_spoken_by_a_person(message, listener.bot)


@dataclass(frozen=True, slots=True)
class IntakeParts:
    """What taking in messages needs.

    ``accept`` takes messages in hand, for good; ``give_up`` tells of those that are too old;
    ``complain`` tells a message's sender that the database fails.
    """

    listener: Listener
    catch_up: CatchUp
    checkpoints: Checkpoints
    clock: WorkspaceClock
    health: StorageHealth
    accept: Callable[[Sequence[Message]], Awaitable[None]]
    give_up: Callable[[Missed], Awaitable[None]]
    complain: Callable[[Message], Awaitable[None]]
    is_live: Callable[[], bool]
    now: Callable[[], datetime]


class Intake:
    """Takes in each message once. The checkpoint follows what is in the inbox, never ahead.

    While the connection is not live, and while catching up, what is heard is held back: older
    messages may still come. ``patience`` is how old a message may be when it is heard live.
    """

    def __init__(self, parts: IntakeParts, patience: timedelta) -> None:
        self._parts: Final = parts
        self._patience: Final = patience
        self._heard: Final[deque[Message]] = deque()
        self._held: Final[deque[Message]] = deque()
        self._news: Final = asyncio.Event()
        self._catching_up: Final = asyncio.Lock()
        self._told: Final[set[str]] = set()
        self._heard_until = self._began_at = self._saved_until = _LONG_AGO
        self._is_holding = False
        self._has_gap = False
        self._is_stopped = False
        self._log = structlog.get_logger("intake")

    def hear(self, message: Message) -> None:
        """Take in a message of the stream; returns at once and never raises."""
        if self._is_stopped:
            return
        if self._is_holding or not self._parts.is_live():
            self._keep(self._held, message)
            return
        self._heard_until = max(self._heard_until, message.sent_at)
        self._keep(self._heard, message)
        self._news.set()

    def stop(self) -> None:
        """Take in nothing more; the next start catches up on it."""
        self._is_stopped = True

    async def run(self) -> None:
        """Write down what is heard, until cancelled; raises TokenRejectedError."""
        failures = 0
        while True:
            await self._wait_for_news()
            try:
                await self.take_in()
                failures = 0
            except TokenRejectedError:
                raise
            except BotError as error:
                failures += 1
                await self._bear(error, failures)

    async def take_in(self) -> None:
        """Write down what has been heard; raises WorkspaceError, StorageError."""
        while self._heard:
            batch = list(self._heard)[:_BATCH]
            await self._accept(batch)
            for _ in batch:
                self._heard.popleft()
        self._told.clear()
        if self._has_gap:
            await self.catch_up()
        elif self._heard_until > self._saved_until and not self._is_holding:
            until = self._heard_until
            await self._parts.checkpoints.advance(until, self._parts.now())
            self._saved_until = until

    async def catch_up(self) -> None:
        """Take in what was said since the checkpoint; raises WorkspaceError, StorageError.

        When it returns, nothing is held back: what is heard from then on is live.
        """
        async with self._catching_up:
            self._is_holding = True
            try:
                await self._catch_up_once()
                while self._has_gap:
                    await self._catch_up_once()
            finally:
                self._is_holding = False

    def _keep(self, queue: deque[Message], message: Message) -> None:
        if not is_worth_hearing(message, self._parts.listener):
            return
        if len(queue) < _MOST_HEARD:
            queue.append(message)
        elif not self._has_gap:
            # Not lost: the checkpoint stays where it is, and a catch-up follows.
            self._has_gap = True
            self._log.error("too much was said at once; the rest is fetched later")

    async def _catch_up_once(self) -> None:
        parts = self._parts
        self._has_gap = False
        missed = await parts.catch_up.find_missed()
        self._began_at = missed.began_at
        await parts.give_up(missed)
        await self._accept(missed.fresh)
        await parts.checkpoints.advance(missed.heard_until, parts.now())
        # To its end in one go: whoever comes after the last look at the queue is live.
        while self._held:
            await self._accept(_take(self._held))

    async def _wait_for_news(self) -> None:
        try:
            async with asyncio.timeout(_SAVE_EVERY):
                await self._news.wait()
        except TimeoutError:
            return
        self._news.clear()

    async def _accept(self, messages: Sequence[Message]) -> None:
        for start in range(0, len(messages), _BATCH):
            batch = messages[start : start + _BATCH]
            await self._parts.accept([each for each in batch if self._is_fresh(each)])

    def _is_fresh(self, message: Message) -> bool:
        # A reaction, an edit or a preview sends the whole message again, however old it is.
        now = self._parts.clock.now
        is_recent = now is None or message.sent_at >= now - self._patience
        return is_recent and message.sent_at >= self._began_at

    async def _bear(self, error: BotError, failures: int) -> None:
        self._log.warning("messages could not be taken in yet", problem=str(error))
        self._news.set()
        if isinstance(error, StorageError):
            self._parts.health.note_failure(error)
            if failures >= _FAILURES_BEFORE_WORDS:
                await self._complain()
        await asyncio.sleep(_PAUSE)

    async def _complain(self) -> None:
        for message in list(self._heard)[:_BATCH]:
            if message.id not in self._told:
                self._told.add(message.id)
                await self._parts.complain(message)


def _take(queue: deque[Message]) -> list[Message]:
    messages = list(queue)
    queue.clear()
    return messages
