"""How messages come in: heard live or caught up on, written into the inbox, handed on in order."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog

from bot.dispatcher.catch_up import OVERLAP, CatchUp, Missed
from bot.dispatcher.server_clock import ServerClock
from bot.errors import BotError, StorageError, TokenRejectedError
from bot.models import Message, RoomType
from bot.parsing import Listener, is_spoken_by_a_person
from bot.storage.checkpoints import Checkpoints
from bot.storage.health import StorageHealth


class RecentMessageIds:
    """Ids of messages, for as long as they may still be looked for."""

    def __init__(self) -> None:
        self._sent_at: Final[dict[str, datetime]] = {}

    def __contains__(self, message: Message) -> bool:
        """Say whether it has come in."""
        return message.id in self._sent_at

    def add(self, messages: Iterable[Message]) -> None:
        """Note that these have come in."""
        self._sent_at.update((each.id, each.sent_at) for each in messages)

    def forget(self, before: datetime) -> None:
        """Forget what was sent before then, in the server's time."""
        for message_id in [id_ for id_, sent_at in self._sent_at.items() if sent_at < before]:
            del self._sent_at[message_id]


_MOST_HEARD: Final = 10_000
_BATCH: Final = 500
_PAUSE: Final = 0.5
_FAILURES_BEFORE_WORDS: Final = 4
_ENCRYPTED: Final = "e2e"
# A message with a link is told of when its preview has been fetched.
_ON_ITS_WAY: Final = timedelta(seconds=30)
_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)


def is_worth_hearing(message: Message, listener: Listener) -> bool:
    """Tell what may be meant for the bot, as far as the message itself shows."""
    is_direct = message.room_type is RoomType.DIRECT
    if message.system_type == _ENCRYPTED:
        return is_direct and message.is_participant and message.sender.id != listener.bot.id
    is_meant = is_direct or listener.bot.id in message.mentioned_ids
    return is_meant and is_spoken_by_a_person(message, listener.bot)


@dataclass(frozen=True, slots=True)
class ReceiverParts:
    """What taking in messages needs.

    ``accept`` takes messages in hand, for good; ``give_up`` tells of those that are too old;
    ``complain`` tells a message's sender that the database fails.
    """

    listener: Listener
    catch_up: CatchUp
    checkpoints: Checkpoints
    clock: ServerClock
    health: StorageHealth
    accept: Callable[[Sequence[Message]], Awaitable[None]]
    give_up: Callable[[Missed], Awaitable[None]]
    complain: Callable[[Message], Awaitable[None]]
    is_live: Callable[[], bool]
    now: Callable[[], datetime]


class MessageReceiver:
    """Takes in each message once. The checkpoint is when REST was last asked for everything.

    The stream does not move it, for it may lose messages without a word.
    While the connection is not live, and while catching up, what is heard is held back: older
    messages may still come. ``patience`` is how old a message may be when it is heard live.
    """

    def __init__(self, parts: ReceiverParts, patience: timedelta) -> None:
        self._parts: Final = parts
        self._patience: Final = patience
        self._heard: Final[deque[Message]] = deque()
        self._held: Final[deque[Message]] = deque()
        self._news: Final = asyncio.Event()
        self._catching_up: Final = asyncio.Lock()
        self._told: Final[set[str]] = set()
        self._known: Final = RecentMessageIds()
        self._began_at = _LONG_AGO
        self._is_holding = False
        self._has_gap = False
        self._is_stopped = False
        self._log = structlog.get_logger("intake")

    @property
    def backlog(self) -> int:
        """How many messages have been heard and are not written down yet."""
        return len(self._heard) + len(self._held)

    def hear(self, message: Message) -> None:
        """Take in a message of the stream; returns at once and never raises."""
        if self._is_stopped:
            return
        if self._is_holding or not self._parts.is_live():
            self._keep(self._held, message)
            return
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
            await self._close_gap()

    async def recheck(self) -> bool:
        """Take in what a live connection has not delivered; tell whether there was anything.

        Raises WorkspaceError, StorageError; nothing is lost then.
        """
        missed = await self._parts.catch_up.find_missed()
        settled = missed.heard_until - _ON_ITS_WAY
        lost = [each for each in missed.fresh if each.sent_at < settled and each not in self._known]
        await self._accept(lost)
        self._known.add(lost)
        unwritten = (each.sent_at for each in (*self._heard, *self._held))
        await self._advance(min([missed.heard_until, *unwritten]))
        if lost:
            self._log.warning("the stream has lost messages", messages=len(lost))
        return bool(lost)

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

    async def _close_gap(self) -> None:
        try:
            await self.catch_up()
        except BotError:
            # Or the next round would move the checkpoint across what is still missing.
            self._has_gap = True
            raise

    def _keep(self, queue: deque[Message], message: Message) -> None:
        if not is_worth_hearing(message, self._parts.listener):
            return
        if len(queue) < _MOST_HEARD:
            queue.append(message)
            self._known.add([message])
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
        await self._accept(_merge(missed.fresh, _take(self._held)))
        self._known.add(missed.fresh)
        await self._advance(missed.heard_until)
        # To its end in one go: whoever comes after the last look at the queue is live.
        while self._held:
            await self._accept(_take(self._held))

    async def _advance(self, until: datetime) -> None:
        await self._parts.checkpoints.advance(until, self._parts.now())
        self._parts.catch_up.settle(until)
        # Nothing older is looked for again.
        self._known.forget(before=until - OVERLAP)

    async def _wait_for_news(self) -> None:
        await self._news.wait()
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


def _merge(fetched: Sequence[Message], held: Sequence[Message]) -> list[Message]:
    """Put both in order: a room that was read late has what was said after one read early.

    What is held of the early one belongs before that.
    """
    held_ids = {each.id for each in held}
    unheard = [each for each in fetched if each.id not in held_ids]
    return sorted([*unheard, *held], key=lambda each: each.sent_at)


def _take(queue: deque[Message]) -> list[Message]:
    messages = list(queue)
    queue.clear()
    return messages
