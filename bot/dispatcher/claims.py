"""The messages that this process works on, and its claims on them in the inbox."""

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final

import structlog

from bot.dispatcher.message_worker import MessageWorker, PendingMessage
from bot.dispatcher.user_queues import Progress, UserQueues, UserTask
from bot.errors import StorageError
from bot.metrics import ReplyTimer
from bot.models import Message
from bot.rocketchat.rate_limit.limiter import PeopleWaiting
from bot.storage.inbox import (
    MAX_CLAIMED_PER_PERSON,
    MAX_CLAIMED_PER_ROOM,
    ClaimStatus,
    Inbox,
    make_inbox_entry,
)

CLAIM_LEASE: Final = timedelta(seconds=10)
_MAX_KEPT: Final = 2000
_LINKING_WAIT: Final = timedelta(minutes=30)
_TELL_FIRST: Final = timedelta(seconds=15)
# Much shorter than a lease, so that a claim taken over by another process is noticed.
_CLAIM_IS_CERTAIN: Final = timedelta(seconds=1)


class MessageClaims:
    """Claims messages for this process as far as its queues have room; others wait in the inbox.

    No person and no room may take all of the queues: people and rooms beyond their bound wait in
    the inbox, from where they are taken in turns.
    """

    def __init__(
        self,
        *,
        inbox: Inbox,
        queues: UserQueues,
        worker: MessageWorker,
        reply_timer: ReplyTimer,
        people_waiting: PeopleWaiting,
        now: Callable[[], datetime],
    ) -> None:
        self._inbox: Final = inbox
        self.queues: Final = queues
        self._worker: Final = worker
        self._reply_timer: Final = reply_timer
        self._people_waiting: Final = people_waiting
        self._now: Final = now
        self._pending: Final[dict[str, PendingMessage]] = {}
        self._waiting: Final[OrderedDict[str, Message]] = OrderedDict()
        self.taken_over = 0
        """Messages that another process, or an earlier run of this one, left unanswered."""
        self._log = structlog.get_logger("claims")

    async def accept(self, messages: Sequence[Message]) -> None:
        """Save messages in the inbox, and queue those that this process could claim.

        When it returns they cannot be lost. Raises StorageError, and may then be called again.
        """
        new = {each.id: each for each in messages if each.id not in self._pending}
        self._reply_timer.start(new)
        self._people_waiting.add(new)
        mine, others = self._divide(new.values())
        now = self._now()
        claimed = await self._claim(mine, self._inbox.name, now, now + CLAIM_LEASE)
        if others:
            await self._claim(others, "", now, now)
            self._keep(others)
        for message, status in claimed:
            if status is not ClaimStatus.LOST and message.id not in self._pending:
                free_until = now + _CLAIM_IS_CERTAIN if status is ClaimStatus.FREE else None
                entry = make_inbox_entry(message)
                self._queue(PendingMessage(entry, message, is_repeat=False, free_until=free_until))
        for message_id in new.keys() - self._pending.keys():
            self._reply_timer.stop(message_id)
            self._people_waiting.remove(message_id)
        if new:
            self._inbox.note_success()

    async def take_over(self) -> bool:
        """Claim and queue messages that nobody works on; return whether there were any.

        They wait for room in the queues, or their process is gone. Raises StorageError.
        """
        now, room = self._now(), self.queues.room
        if not room:
            return False
        entries = await self._inbox.take_over(
            now=now, by=self._inbox.name, until=now + CLAIM_LEASE, limit=room
        )
        new = [each for each in entries if each.message_id not in self._pending]
        self._reply_timer.start(each.message_id for each in new)
        self._people_waiting.add(each.message_id for each in new)
        for entry in new:
            message = self._waiting.pop(entry.message_id, None)
            self._queue(PendingMessage(entry, message, is_repeat=True))
        if not (entries or self._pending):
            # Nothing waits for this process: other processes have taken what it keeps.
            self._waiting.clear()
        self.taken_over += len(new)
        if new:
            self._log.info("took over unfinished work", messages=len(new))
        return bool(new)

    async def reopen(self, *, is_just_connected: bool) -> None:
        """Reopen the questions whose senders have connected; raises StorageError.

        Of those who connected in the last seconds only where they have been told so.
        """
        now = self._now()
        await self._inbox.reopen(
            asked_after=now - _LINKING_WAIT,
            connected_before=now if is_just_connected else now - _TELL_FIRST,
        )

    async def renew(self) -> None:
        """Renew the claims of this process; raises StorageError."""
        names = list(self._pending)
        await self._inbox.extend(names, by=self._inbox.name, until=self._now() + CLAIM_LEASE)

    async def release(self) -> None:
        """Leave unfinished messages to the next process; raises StorageError."""
        await self._inbox.release_all(by=self._inbox.name, now=self._now())

    def _divide(self, messages: Iterable[Message]) -> tuple[list[Message], list[Message]]:
        """Return the messages that this process has room for, and the others."""
        claimed = [each.entry for each in self._pending.values()]
        of_person = Counter(each.sender_id for each in claimed)
        of_room = Counter(each.room_id for each in claimed)
        mine: list[Message] = []
        others: list[Message] = []
        late: set[str] = set()
        for message in messages:
            person, room = message.sender.id, message.room_id
            is_full = (
                len(mine) >= self.queues.room
                or of_person[person] >= MAX_CLAIMED_PER_PERSON
                or of_room[room] >= MAX_CLAIMED_PER_ROOM
            )
            # A person's later messages must not overtake the first that has no room.
            if is_full or person in late:
                late.add(person)
                others.append(message)
            else:
                of_person[person] += 1
                of_room[room] += 1
                mine.append(message)
        return mine, others

    def _keep(self, messages: Iterable[Message]) -> None:
        """Keep messages that wait in the inbox, as fetching each costs two calls.

        Not for longer than they wait, as people wrote them.
        """
        self._waiting.update((each.id, each) for each in messages)
        while len(self._waiting) > _MAX_KEPT:
            self._waiting.popitem(last=False)

    async def _claim(
        self, messages: Sequence[Message], by: str, now: datetime, until: datetime
    ) -> list[tuple[Message, ClaimStatus]]:
        claim = partial(self._inbox.claim, now=now, by=by, until=until)
        # All begun at once to share a commit, and in order, so that no other process sees a later
        # message of somebody's before an earlier one.
        begun = [claim(make_inbox_entry(each)) for each in messages]
        # One alone is mostly done already, and gathering would take two turns of the event loop.
        statuses = [await begun[0]] if len(begun) == 1 else await asyncio.gather(*begun)
        return list(zip(messages, statuses, strict=True))

    def _queue(self, pending: PendingMessage) -> None:
        entry = pending.entry
        self._pending[entry.message_id] = pending
        self.queues.add(UserTask(entry.sender_id, entry.sent_at, partial(self._work, pending)))

    async def _work(self, pending: PendingMessage) -> Progress:
        progress = await self._worker.work(pending)
        if progress is Progress.BLOCKED and not self.queues.room:
            progress = await self._put_back(pending)
        if progress is Progress.DONE:
            del self._pending[pending.entry.message_id]
            self._reply_timer.stop(pending.entry.message_id)
            self._people_waiting.remove(pending.entry.message_id)
        return progress

    async def _put_back(self, pending: PendingMessage) -> Progress:
        # What it waits for may itself be waiting in the inbox for room here.
        try:
            await self._inbox.release(
                pending.entry.message_id, by=self._inbox.name, now=self._now()
            )
        except StorageError as error:
            self._inbox.note_failure(error)
            return Progress.FAILED
        return Progress.DONE
