"""Which messages this process has in hand, and its claims on them in the inbox."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final

import structlog

from bot.dispatcher.message_worker import MessageWorker, PendingMessage
from bot.dispatcher.user_queues import Progress, UserQueues, UserTask
from bot.errors import StorageError
from bot.metrics import Waits
from bot.models import Message
from bot.storage.health import StorageHealth
from bot.storage.inbox import ClaimStatus, Inbox, make_inbox_entry

CLAIM_TIME: Final = timedelta(seconds=10)
_WAITING_TIME: Final = timedelta(minutes=30)
_MOMENT: Final = timedelta(seconds=15)
# Much shorter than a claim: what came in meanwhile, or was taken over, is looked for after it.
_A_WORD: Final = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class ClaimsParts:
    """What a desk needs; ``name`` is this process's own in the inbox."""

    name: str
    inbox: Inbox
    lanes: UserQueues
    cases: MessageWorker
    health: StorageHealth
    now: Callable[[], datetime]
    waits: Waits


class MessageClaims:
    """Takes messages in hand, as many as there is room for; the rest wait in the inbox."""

    def __init__(self, parts: ClaimsParts) -> None:
        self._parts: Final = parts
        self._in_hand: Final[dict[str, PendingMessage]] = {}
        self._log = structlog.get_logger("desk")

    async def accept(self, messages: Sequence[Message]) -> None:
        """Write messages into the inbox, and take those in hand that nobody else has.

        When it returns they cannot be lost. Raises StorageError, and may then be called again.
        """
        new = {each.id: each for each in messages if each.id not in self._in_hand}
        self._parts.waits.begin(new)
        room = self._parts.lanes.room
        mine, others = list(new.values())[:room], list(new.values())[room:]
        now = self._parts.now()
        claimed = await self._claim(mine, self._parts.name, now, now + CLAIM_TIME)
        if others:
            await self._claim(others, "", now, now)
        for message, standing in claimed:
            if standing is not ClaimStatus.LOST and message.id not in self._in_hand:
                free_until = now + _A_WORD if standing is ClaimStatus.FREE else None
                letter = make_inbox_entry(message)
                self._take(PendingMessage(letter, message, is_repeat=False, free_until=free_until))
        for message_id in new.keys() - self._in_hand.keys():
            self._parts.waits.end(message_id)
        if new:
            self._parts.health.note_success()

    async def take_over(self) -> None:
        """Take in hand what nobody works on any more; raises StorageError."""
        parts, now = self._parts, self._parts.now()
        if not parts.lanes.room:
            return
        letters = await parts.inbox.take_over(
            now=now, by=parts.name, until=now + CLAIM_TIME, most=parts.lanes.room
        )
        new = [each for each in letters if each.message_id not in self._in_hand]
        parts.waits.begin(each.message_id for each in new)
        for letter in new:
            self._take(PendingMessage(letter, None, is_repeat=True))
        if new:
            self._log.info("took over unfinished work", messages=len(new))

    async def reopen(self, *, is_just_connected: bool) -> None:
        """Have the questions answered whose senders have connected; raises StorageError.

        Of those who connected just now only if it has been told them.
        """
        now = self._parts.now()
        await self._parts.inbox.reopen(
            asked_after=now - _WAITING_TIME,
            connected_before=now if is_just_connected else now - _MOMENT,
        )

    async def renew(self) -> None:
        """Keep the claims on what is in hand; raises StorageError."""
        names = list(self._in_hand)
        until = self._parts.now() + CLAIM_TIME
        await self._parts.inbox.renew(names, by=self._parts.name, until=until)

    async def release(self) -> None:
        """Leave what is unfinished to whoever comes next; raises StorageError."""
        await self._parts.inbox.release(by=self._parts.name, now=self._parts.now())

    async def _claim(
        self, messages: Sequence[Message], by: str, now: datetime, until: datetime
    ) -> list[tuple[Message, ClaimStatus]]:
        claim = partial(self._parts.inbox.begin_to_claim, now=now, by=by, until=until)
        # At once, so that they share a commit; in order, so that no other process sees a later
        # one of somebody's before an earlier one.
        claims = [claim(make_inbox_entry(each)) for each in messages]
        # A gathering would wake up twice, and is begun for one nearly always.
        standings = [await claims[0]] if len(claims) == 1 else await asyncio.gather(*claims)
        return list(zip(messages, standings, strict=True))

    def _take(self, case: PendingMessage) -> None:
        self._in_hand[case.letter.message_id] = case
        letter = case.letter
        self._parts.lanes.add(UserTask(letter.sender_id, letter.sent_at, partial(self._work, case)))

    async def _work(self, case: PendingMessage) -> Progress:
        progress = await self._parts.cases.work(case)
        if progress is Progress.HELD_UP and not self._parts.lanes.room:
            progress = await self._put_back(case)
        if progress is Progress.SETTLED:
            del self._in_hand[case.letter.message_id]
            self._parts.waits.end(case.letter.message_id)
        return progress

    async def _put_back(self, case: PendingMessage) -> Progress:
        # What it waits for may itself be waiting in the inbox for room here.
        try:
            await self._parts.inbox.put_back(
                case.letter.message_id, by=self._parts.name, now=self._parts.now()
            )
        except StorageError as error:
            self._parts.health.note_failure(error)
            return Progress.FAILED
        return Progress.SETTLED
