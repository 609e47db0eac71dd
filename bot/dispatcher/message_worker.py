"""One message in hand, from its claim to the end of it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

import structlog

from bot.dispatcher.catch_up import Missed
from bot.dispatcher.responder import Responder, make_reference
from bot.dispatcher.server_clock import ServerClock
from bot.dispatcher.user_queues import Progress
from bot.errors import (
    ProtocolError,
    RefusedError,
    StorageError,
    TokenRejectedError,
    UnreachableError,
    WorkspaceError,
)
from bot.metrics import Metrics
from bot.models import Message
from bot.rocketchat.client import RestClient
from bot.storage.health import StorageHealth
from bot.storage.inbox import ClaimStatus, Inbox, InboxEntry, make_inbox_entry

_CLAIM_LEASE: Final = timedelta(seconds=15)


class MissedMessageNotice:
    """Tells once per room and absence that what was asked there will not be answered."""

    def __init__(
        self, inbox: Inbox, answers: Responder, name: str, now: Callable[[], datetime]
    ) -> None:
        self._inbox: Final = inbox
        self._answers: Final = answers
        self._name: Final = name
        self._now: Final = now
        self._gap = ""
        self._log = structlog.get_logger("absence")

    async def give_up(self, missed: Missed) -> None:
        """Deal with what was found too late; raises WorkspaceError, StorageError."""
        self._gap = missed.gap
        known = await self._inbox.find_known([each.id for each in missed.old])
        unknown = [each for each in missed.old if each.id not in known]
        for message in (await self._find_last_commands(unknown)).values():
            await self.tell(message)
        for message in unknown:
            # Or a reaction to it, which sends it again, would have it answered after all.
            await self._note(message)

    async def tell(self, message: Message) -> None:
        """Tell the room of the message; raises WorkspaceError but RefusedError."""
        try:
            await self._answers.say_away(message, self._gap)
        except RefusedError as error:
            self._log.warning("a room cannot be told", room_id=message.room_id, reason=str(error))

    async def _find_last_commands(self, messages: list[Message]) -> dict[str, Message]:
        found = {}
        for message in messages:
            try:
                if await self._answers.is_command(message):
                    found[message.room_id] = message
            except RefusedError:
                continue
        return found

    async def _note(self, message: Message) -> None:
        now, letter = self._now(), make_inbox_entry(message)
        if await self._inbox.claim(letter, now=now, by=self._name, until=now + _CLAIM_LEASE):
            await self._inbox.finish(message.id, now)


_QUICK: Final = timedelta(seconds=3)
_MOST_ODD_ANSWERS: Final = 5
# What was taken over, because the claim could not be renewed in time, is another's to finish.
_PROGRESS: Final = {ClaimStatus.HELD_UP: Progress.HELD_UP, ClaimStatus.LOST: Progress.SETTLED}


@dataclass(frozen=True, slots=True)
class WorkerParts:
    """What working on a case needs; ``name`` is this process's own in the inbox.

    ``check_token`` raises TokenRejectedError if the bot's own token is dead, and nothing else.
    """

    name: str
    inbox: Inbox
    answers: Responder
    absence: MissedMessageNotice
    rest: RestClient
    clock: ServerClock
    health: StorageHealth
    check_token: Callable[[], Awaitable[None]]
    now: Callable[[], datetime]
    metrics: Metrics


@dataclass(eq=False, slots=True)
class PendingMessage:
    """A message in hand, and how far it has come; without the message it is still to be fetched.

    Until ``free_until`` it may be begun on the word of its claim.
    """

    letter: InboxEntry
    message: Message | None
    is_repeat: bool
    free_until: datetime | None = None
    failing_since: datetime | None = None
    odd_answers: int = 0
    is_answered: bool = False
    has_complained: bool = False
    awaiting: str | None = None


class MessageWorker:
    """Works on cases. ``patience`` is how old a message may be for an answer to make sense."""

    def __init__(self, parts: WorkerParts, patience: timedelta) -> None:
        self._parts: Final = parts
        self._patience: Final = patience
        self._log = structlog.get_logger("cases")

    async def work(self, case: PendingMessage) -> Progress:
        """Bring the case to its end, or tell why not yet; raises TokenRejectedError for ours."""
        try:
            return await self._try(case)
        except StorageError as error:
            await self._bear(case, error)
        except TokenRejectedError:
            await self._parts.check_token()
        except WorkspaceError as error:
            self._log.warning("an answer waits for the workspace", problem=str(error))
        case.is_repeat = True
        return Progress.FAILED

    async def _try(self, case: PendingMessage) -> Progress:
        parts = self._parts
        if not case.is_answered:
            standing = await self._find_standing(case)
            if standing is not ClaimStatus.FREE:
                return _PROGRESS[standing]
            await self._answer(case)
            case.is_answered = True
        await parts.inbox.finish(case.letter.message_id, parts.now(), awaiting=case.awaiting)
        parts.health.note_success()
        return Progress.SETTLED

    async def _find_standing(self, case: PendingMessage) -> ClaimStatus:
        free_until, case.free_until = case.free_until, None
        if free_until is not None and self._parts.now() < free_until:
            return ClaimStatus.FREE
        return await self._parts.inbox.find_standing(case.letter, self._parts.name)

    async def _answer(self, case: PendingMessage) -> None:
        try:
            await self._say(case)
        except (RefusedError, ProtocolError) as error:
            case.odd_answers += 1
            if isinstance(error, ProtocolError) and case.odd_answers < _MOST_ODD_ANSWERS:
                raise UnreachableError(str(error)) from error
            self._parts.metrics.note_undelivered()
            self._log.error("an answer cannot be given", problem=repr(error))
        except (StorageError, WorkspaceError):
            raise
        except Exception:  # noqa: BLE001 - the one place where a surprise becomes words
            reference = make_reference()
            self._log.exception("something went wrong", reference=reference)
            await self._apologise(case, reference)

    async def _say(self, case: PendingMessage) -> None:
        case.message = case.message or await self._fetch(case.letter)
        if case.message is None:
            self._log.info("a message was deleted before it was answered")
        elif case.is_repeat and self._is_too_old(case.letter):
            await self._parts.absence.tell(case.message)
        else:
            part, is_repeat = case.letter.part, case.is_repeat
            answer = self._parts.answers.answer(case.message, part, is_repeat=is_repeat)
            case.awaiting = await answer

    async def _apologise(self, case: PendingMessage, reference: str) -> None:
        if case.message is None:
            return
        try:
            await self._parts.answers.apologise(case.message, reference)
        except (RefusedError, ProtocolError) as error:
            self._log.warning("nor could the apology be sent", problem=repr(error))

    async def _fetch(self, letter: InboxEntry) -> Message | None:
        rest = self._parts.rest
        message = await rest.fetch_message(letter.message_id)
        if message is None:
            return None
        room = await rest.fetch_room(letter.room_id)
        return replace(message, room_type=room.type)

    def _is_too_old(self, letter: InboxEntry) -> bool:
        now = self._parts.clock.now
        return now is not None and letter.sent_at < now - self._patience

    async def _bear(self, case: PendingMessage, error: StorageError) -> None:
        self._parts.health.note_failure(error)
        now = self._parts.now()
        case.failing_since = case.failing_since or now
        is_due = now - case.failing_since >= _QUICK and not case.is_answered
        if is_due and case.message is not None and not case.has_complained:
            case.has_complained = True
            await self.complain(case.message)

    async def complain(self, message: Message) -> None:
        """Tell the sender that the answer has to wait for the database; never fails."""
        try:
            await self._parts.answers.ask_for_patience(message)
        except WorkspaceError as error:
            self._log.warning("the sender could not be told either", problem=repr(error))
