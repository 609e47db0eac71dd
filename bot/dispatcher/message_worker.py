"""Working on one claimed message until it is answered and finished."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

import structlog

from bot.dispatcher.catch_up import Missed
from bot.dispatcher.responder import Responder
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
from bot.logs import make_log_reference
from bot.metrics import Metrics
from bot.models import Message
from bot.rocketchat.client import RestClient
from bot.storage.inbox import ClaimStatus, Inbox, InboxEntry, make_inbox_entry

_TELL_OF_TROUBLE_AFTER: Final = timedelta(seconds=3)
_MAX_PROTOCOL_ERRORS: Final = 5
_MISSED_LEASE: Final = timedelta(seconds=15)
# A lost claim was taken over, because it could not be renewed in time: another process finishes it.
_PROGRESS: Final = {ClaimStatus.HELD_UP: Progress.BLOCKED, ClaimStatus.LOST: Progress.DONE}


@dataclass(eq=False, slots=True)
class PendingMessage:
    """A claimed message and how far it has come; ``message`` is None until it is fetched.

    Until ``free_until`` the claim need not be checked again. ``awaiting`` is the user whose
    account linking the true answer waits for.
    """

    entry: InboxEntry
    message: Message | None
    is_repeat: bool
    free_until: datetime | None = None
    failing_since: datetime | None = None
    protocol_errors: int = 0
    is_answered: bool = False
    is_sender_told: bool = False
    awaiting: str | None = None


class MessageWorker:
    """Answers pending messages, and tells rooms once per absence of what will not be answered.

    ``check_token`` raises TokenRejectedError if the bot's own token is dead, and nothing else.
    """

    def __init__(
        self,
        *,
        inbox: Inbox,
        responder: Responder,
        rest: RestClient,
        server_clock: ServerClock,
        check_token: Callable[[], Awaitable[None]],
        metrics: Metrics,
        now: Callable[[], datetime],
    ) -> None:
        self._inbox: Final = inbox
        self._responder: Final = responder
        self._rest: Final = rest
        self._server_clock: Final = server_clock
        self._check_token: Final = check_token
        self._metrics: Final = metrics
        self._now: Final = now
        self._gap = ""
        self._log = structlog.get_logger("messages")

    async def work(self, pending: PendingMessage) -> Progress:
        """Answer and finish it, or return why not yet; raises TokenRejectedError for the bot's."""
        try:
            return await self._try(pending)
        except StorageError as error:
            await self._note_storage_failure(pending, error)
        except TokenRejectedError:
            await self._check_token()
        except WorkspaceError as error:
            self._log.warning("an answer waits for the workspace", problem=str(error))
        pending.is_repeat = True
        return Progress.FAILED

    async def tell_of_trouble(self, message: Message) -> None:
        """Tell the sender that the answer has to wait for the database; never raises."""
        try:
            await self._responder.tell_of_trouble(message)
        except WorkspaceError as error:
            self._log.warning("the sender could not be told either", problem=repr(error))

    async def give_up(self, missed: Missed) -> None:
        """Tell the rooms of old commands, and finish those.

        Raises WorkspaceError, StorageError.
        """
        self._gap = missed.gap
        known = await self._inbox.find_known([each.id for each in missed.old])
        unknown = [each for each in missed.old if each.id not in known]
        for message in (await self._find_last_commands(unknown)).values():
            await self._say_away(message)
        for message in unknown:
            # A reaction sends the message again: unless finished, it would be answered then.
            await self._finish_missed(message)

    async def _try(self, pending: PendingMessage) -> Progress:
        if not pending.is_answered:
            status = await self._find_status(pending)
            if status is not ClaimStatus.FREE:
                return _PROGRESS[status]
            await self._answer(pending)
            pending.is_answered = True
        await self._finish(pending)
        self._inbox.note_success()
        return Progress.DONE

    async def _finish(self, pending: PendingMessage) -> None:
        message_id, now = pending.entry.message_id, self._now()
        if pending.awaiting is None:
            await self._inbox.finish(message_id, now)
        else:
            await self._inbox.finish_awaiting(message_id, now, pending.awaiting)

    async def _find_status(self, pending: PendingMessage) -> ClaimStatus:
        free_until, pending.free_until = pending.free_until, None
        if free_until is not None and self._now() < free_until:
            return ClaimStatus.FREE
        return await self._inbox.load_status(pending.entry, self._inbox.name)

    async def _answer(self, pending: PendingMessage) -> None:
        try:
            await self._respond(pending)
        except (RefusedError, ProtocolError) as error:
            pending.protocol_errors += 1
            may_pass = pending.protocol_errors < _MAX_PROTOCOL_ERRORS
            if isinstance(error, ProtocolError) and may_pass:
                raise UnreachableError(str(error)) from error
            self._metrics.record_undelivered()
            self._log.error("an answer cannot be given", problem=repr(error))
        except (StorageError, WorkspaceError):
            raise
        except Exception:  # noqa: BLE001 - the one place where a surprise becomes words
            reference = make_log_reference()
            self._log.exception("something went wrong", reference=reference)
            await self._apologise(pending, reference)

    async def _respond(self, pending: PendingMessage) -> None:
        pending.message = pending.message or await self._fetch(pending.entry)
        if pending.message is None:
            self._log.info("a message was deleted before it was answered")
        elif pending.is_repeat and self._server_clock.is_too_old(pending.entry.sent_at):
            await self._say_away(pending.message)
        else:
            pending.awaiting = await self._responder.answer(
                pending.message, pending.entry.reply_kind
            )

    async def _apologise(self, pending: PendingMessage, reference: str) -> None:
        if pending.message is None:
            return
        try:
            await self._responder.apologise(pending.message, reference)
        except (RefusedError, ProtocolError) as error:
            self._log.warning("the apology could not be sent either", problem=repr(error))

    async def _fetch(self, entry: InboxEntry) -> Message | None:
        message = await self._rest.fetch_message(entry.message_id)
        if message is None:
            return None
        room = await self._rest.fetch_room(entry.room_id)
        return replace(message, room_type=room.type)

    async def _say_away(self, message: Message) -> None:
        try:
            await self._responder.say_away(message, self._gap)
        except RefusedError as error:
            self._log.warning("a room cannot be told", room_id=message.room_id, reason=str(error))

    async def _find_last_commands(self, messages: list[Message]) -> dict[str, Message]:
        found = {}
        for message in messages:
            try:
                if await self._responder.is_command(message):
                    found[message.room_id] = message
            except RefusedError:
                continue
        return found

    async def _finish_missed(self, message: Message) -> None:
        now, entry, by = self._now(), make_inbox_entry(message), self._inbox.name
        status = await self._inbox.claim(entry, now=now, by=by, until=now + _MISSED_LEASE)
        if status is not ClaimStatus.LOST:
            await self._inbox.finish(message.id, now)

    async def _note_storage_failure(self, pending: PendingMessage, error: StorageError) -> None:
        self._inbox.note_failure(error)
        now = self._now()
        pending.failing_since = pending.failing_since or now
        is_due = now - pending.failing_since >= _TELL_OF_TROUBLE_AFTER and not pending.is_answered
        if is_due and pending.message is not None and not pending.is_sender_told:
            pending.is_sender_told = True
            await self.tell_of_trouble(pending.message)
