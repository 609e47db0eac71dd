"""Receiving messages: live or by catching up, saved in the inbox, passed on in order."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

import structlog

from bot.dispatcher.catch_up import OVERLAP, CatchUp, Missed
from bot.dispatcher.server_clock import ServerClock
from bot.errors import BotError, StorageError, TokenRejectedError
from bot.models import Message, RoomType
from bot.parsing import Listener, is_spoken_by_a_person
from bot.rocketchat.client import RestClient
from bot.storage.checkpoints import Checkpoints
from bot.storage.inbox import Inbox

_MAX_UNSAVED: Final = 10_000
_BATCH: Final = 500
_RETRY_PAUSE_S: Final = 0.5
_FAILURES_BEFORE_NOTICE: Final = 4
_ENCRYPTED: Final = "e2e"
# The stream brings a message with a link only once its preview is fetched.
MAX_STREAM_DELAY: Final = timedelta(seconds=30)
_NEVER: Final = datetime.min.replace(tzinfo=UTC)


def may_be_for_bot(message: Message, listener: Listener) -> bool:
    """Return whether the message may be meant for the bot, as far as it shows by itself."""
    is_direct = message.room_type is RoomType.DIRECT
    if message.system_type == _ENCRYPTED:
        return is_direct and message.is_participant and message.sender.id != listener.bot.id
    is_meant = is_direct or listener.bot.id in message.mentions
    return is_meant and is_spoken_by_a_person(message, listener.bot)


class RecentMessageIds:
    """Ids of received messages, kept while catching up may still find the messages."""

    def __init__(self) -> None:
        self._sent_at: Final[dict[str, datetime]] = {}

    def __contains__(self, message: Message) -> bool:
        """Return whether it was received."""
        return message.id in self._sent_at

    def add(self, messages: Iterable[Message]) -> bool:
        """Note that these were received; return whether any of them was not before."""
        count = len(self._sent_at)
        self._sent_at.update((each.id, each.sent_at) for each in messages)
        return len(self._sent_at) > count

    def forget(self, before: datetime) -> None:
        """Forget what was sent before then, in the server's time."""
        for message_id in [id_ for id_, sent_at in self._sent_at.items() if sent_at < before]:
            del self._sent_at[message_id]


class MessageReceiver:
    """Receives each message once.

    The checkpoint is the time at which REST was last asked for everything. The stream does not move
    it, because it may lose messages without an error. While the connection is not live, and while
    catching up, live messages are held back: older ones may still come.

    ``accept`` saves messages and queues them; ``give_up`` handles those that are too old;
    ``tell_of_trouble`` tells a message's sender that the database fails.
    """

    def __init__(
        self,
        *,
        listener: Listener,
        rest: RestClient,
        inbox: Inbox,
        checkpoints: Checkpoints,
        server_clock: ServerClock,
        accept: Callable[[Sequence[Message]], Awaitable[None]],
        give_up: Callable[[Missed], Awaitable[None]],
        tell_of_trouble: Callable[[Message], Awaitable[None]],
        is_live: Callable[[], bool],
        now: Callable[[], datetime],
    ) -> None:
        self._listener: Final = listener
        picks = partial(may_be_for_bot, listener=listener)
        self._catch_up: Final = CatchUp(rest, checkpoints, server_clock, picks)
        self._inbox: Final = inbox
        self._server_clock: Final = server_clock
        self._save: Final = accept
        self._give_up: Final = give_up
        self._tell_of_trouble: Final = tell_of_trouble
        self._is_live: Final = is_live
        self._now: Final = now
        self._heard: Final[deque[Message]] = deque()
        self._held: Final[deque[Message]] = deque()
        self._has_heard: Final = asyncio.Event()
        self._catching_up: Final = asyncio.Lock()
        self._told: Final[set[str]] = set()
        self._recent: Final = RecentMessageIds()
        # When they were sent, by id: fetched on a live connection, and not heard so far.
        self._unheard: Final[dict[str, datetime]] = {}
        self._began_at = _NEVER
        self._is_holding = False
        self._has_gap = False
        self._is_stopped = False
        self.repeated = 0
        """Messages that the stream has delivered again: repeated, or changed by a reaction."""
        self.caught_up = 0
        """Messages that the stream has not delivered, and REST has."""
        self._log = structlog.get_logger("receiver")

    @property
    def backlog(self) -> int:
        """How many live messages are not saved yet."""
        return len(self._heard) + len(self._held)

    def hear(self, message: Message) -> None:
        """Receive a message of the stream; returns at once and never raises."""
        if self._is_stopped:
            return
        if self._is_holding or not self._is_live():
            self._keep(self._held, message)
            return
        self._keep(self._heard, message)
        self._has_heard.set()

    def stop(self) -> None:
        """Receive nothing more; the next start catches up on it."""
        self._is_stopped = True

    async def run(self) -> None:
        """Save what is heard, until cancelled; raises TokenRejectedError."""
        failures = 0
        while True:
            await self._wait_for_messages()
            try:
                await self.save_heard()
                failures = 0
            except TokenRejectedError:
                raise
            except BotError as error:
                failures += 1
                await self._handle_failure(error, failures)

    async def save_heard(self) -> None:
        """Save what has been heard; raises WorkspaceError, StorageError."""
        while self._heard:
            batch = list(self._heard)[:_BATCH]
            await self._accept(batch)
            for _ in batch:
                self._heard.popleft()
        self._told.clear()
        if self._has_gap:
            await self._close_gap()

    async def recheck(self) -> bool:
        """Receive what a live connection has not delivered; return whether it has lost anything.

        A message is lost if it has not come after half a minute. Raises WorkspaceError,
        StorageError; nothing is lost then.
        """
        missed = await self._catch_up.find_missed()
        fetched = [each for each in missed.fresh if each not in self._recent]
        await self._accept(fetched)
        self._recent.add(fetched)
        self._unheard.update((each.id, each.sent_at) for each in fetched)
        unwritten = (each.sent_at for each in (*self._heard, *self._held))
        await self._advance(min([missed.received_until, *unwritten]))
        settled = missed.received_until - MAX_STREAM_DELAY
        lost = [id_ for id_, sent_at in self._unheard.items() if sent_at < settled]
        for message_id in lost:
            del self._unheard[message_id]
        self.caught_up += len(lost)
        if lost:
            self._log.warning("the stream has lost messages", messages=len(lost))
        return bool(lost)

    async def catch_up(self) -> None:
        """Receive what was said since the checkpoint; raises WorkspaceError, StorageError.

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
            # Otherwise the next round would move the checkpoint past what is missing.
            self._has_gap = True
            raise

    def _keep(self, queue: deque[Message], message: Message) -> None:
        if not may_be_for_bot(message, self._listener):
            return
        is_fetched = self._unheard.pop(message.id, None) is not None
        if len(queue) < _MAX_UNSAVED:
            queue.append(message)
            if not self._recent.add([message]) and not is_fetched:
                self.repeated += 1
                self._log.debug("a message came again", message_id=message.id)
        elif not self._has_gap:
            # Nothing is lost: the checkpoint stays where it is, and catching up follows.
            self._has_gap = True
            self._log.error("too many messages at once; the rest is fetched later")

    async def _catch_up_once(self) -> None:
        self._has_gap = False
        self._unheard.clear()
        missed = await self._catch_up.find_missed()
        self._began_at = missed.started_at
        await self._give_up(missed)
        await self._accept(_merge(missed.fresh, _drain(self._held)))
        self.caught_up += sum(each not in self._recent for each in missed.fresh)
        self._recent.add(missed.fresh)
        await self._advance(missed.received_until)
        # Without a pause: a message after the last look at the queue is live.
        while self._held:
            await self._accept(_drain(self._held))

    async def _advance(self, until: datetime) -> None:
        await self._catch_up.settle(until, self._now())
        # Nothing older is looked for again.
        self._recent.forget(before=until - OVERLAP)

    async def _wait_for_messages(self) -> None:
        await self._has_heard.wait()
        self._has_heard.clear()

    async def _accept(self, messages: Sequence[Message]) -> None:
        for start in range(0, len(messages), _BATCH):
            batch = messages[start : start + _BATCH]
            await self._save([each for each in batch if self._is_fresh(each)])

    def _is_fresh(self, message: Message) -> bool:
        # A reaction, an edit or a preview sends the whole message again, however old it is.
        is_too_old = self._server_clock.is_too_old(message.sent_at)
        return not is_too_old and message.sent_at >= self._began_at

    async def _handle_failure(self, error: BotError, failures: int) -> None:
        self._log.warning("messages could not be saved yet", problem=str(error))
        self._has_heard.set()
        if isinstance(error, StorageError):
            self._inbox.note_failure(error)
            if failures >= _FAILURES_BEFORE_NOTICE:
                await self._tell_senders()
        await asyncio.sleep(_RETRY_PAUSE_S)

    async def _tell_senders(self) -> None:
        for message in list(self._heard)[:_BATCH]:
            if message.id not in self._told:
                self._told.add(message.id)
                await self._tell_of_trouble(message)


def _merge(fetched: Sequence[Message], held: Sequence[Message]) -> list[Message]:
    """Merge both by time: rooms are read one after the other, so either may be newer."""
    held_ids = {each.id for each in held}
    unheard = [each for each in fetched if each.id not in held_ids]
    return sorted([*unheard, *held], key=lambda each: each.sent_at)


def _drain(queue: deque[Message]) -> list[Message]:
    messages = list(queue)
    queue.clear()
    return messages
