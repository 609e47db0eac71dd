"""From a message to its answer: parse it, run the command, send the reply."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import structlog

from bot.commands.registry import CommandRegistry, Context
from bot.delivery.reply_sender import ReplySender
from bot.delivery.reply_throttle import ReplyThrottle
from bot.dispatcher.notices import (
    format_away,
    format_crowded,
    format_database_trouble,
    format_encrypted,
    format_hint,
    format_too_fast,
)
from bot.dispatcher.typing_indicator import TypingIndicator
from bot.errors import (
    BotError,
    NotConnectedError,
    NotLicensedError,
    RateLimitedError,
    SealBrokenError,
    StorageError,
    UserError,
)
from bot.features.accounts.linking import AccountLinking
from bot.features.accounts.messages import (
    format_invitation,
    format_token_in_chat,
    format_unlicensed,
)
from bot.features.accounts.profiles import Profiles
from bot.features.accounts.store import Accounts, ConnectedAccount
from bot.formatting.errors import format_failure, format_unexpected
from bot.formatting.locale import UserLocale, find_zone
from bot.metrics import CommandOutcome, Metrics
from bot.models import Invocation, Message, Reply, Sender
from bot.parsing import Listener, has_token, is_question, parse
from bot.rocketchat.realtime import RealtimeClient

_CONFIRM: Final = "confirm"


class Responder:
    """Runs commands and sends their replies; the replies to a message have fixed ids."""

    def __init__(
        self,
        *,
        listener: Listener,
        commands: CommandRegistry,
        make_context: Callable[..., Context],
        accounts: Accounts,
        profiles: Profiles,
        linking: AccountLinking,
        reply_sender: ReplySender,
        realtime: RealtimeClient,
        expected_wait: Callable[[str], float | None],
        metrics: Metrics,
        now: Callable[[], datetime],
    ) -> None:
        """Take what answering needs.

        ``make_context`` makes a Context; it has the features that only commands need already.
        ``expected_wait`` returns a user's wait for the rate limit in seconds, or None.
        """
        self._listener: Final = listener
        self._commands: Final = commands
        self._make_context: Final = make_context
        self._accounts: Final = accounts
        self._profiles: Final = profiles
        self._linking: Final = linking
        self._direct_rooms: Final = reply_sender.direct_rooms
        self._throttle: Final = ReplyThrottle(now)
        self._reply_sender: Final = reply_sender
        self._realtime: Final = realtime
        self._expected_wait: Final = expected_wait
        self._metrics: Final = metrics
        self._now: Final = now
        self._log = structlog.get_logger("responder").bind()

    async def answer(self, message: Message, part: str) -> str | None:
        """Answer, if the message asks for it; a repeat sends nothing that is in the room already.

        Return the user whose account linking the true answer waits for, if any. Raises
        WorkspaceError where the answer is not in the room, and StorageError.
        """
        is_private = await self._direct_rooms.is_private(message)
        if message.system_type:
            await self._hint(message, format_encrypted)
            return None
        if not (is_private or self._listener.bot.id in message.mentions):
            return None
        # First of all, so that a token in chat is neither used nor logged nor stored.
        has_secret = has_token(message.text)
        invocation = None if has_secret else parse(message, self._listener, is_private=is_private)
        if await self._refuse_excess(message, invocation, is_private=is_private):
            return None
        if has_secret:
            await self._reply(message, format_token_in_chat)
            return None
        if invocation is None or self._is_talk(invocation):
            # An emoji alone is a comment, not a question; attachments alone have no text.
            is_comment = invocation is None and bool(message.text.strip())
            if not is_comment or is_question(message.text):
                await self._hint(message, format_hint)
            return None
        return await self._answer(invocation, part)

    async def is_command(self, message: Message) -> bool:
        """Return whether the message calls a command; raises WorkspaceError."""
        is_private = await self._direct_rooms.is_private(message)
        invocation = parse(message, self._listener, is_private=is_private)
        return invocation is not None and not self._is_talk(invocation)

    async def find_locale(self, person: Sender) -> UserLocale:
        """Return the person's locale, or the default one where it is not known."""
        try:
            account = await self._profiles.load(person.id)
        except StorageError:
            account = None
        return await self._make_locale(account)

    async def say_away(self, message: Message, gap: str) -> None:
        """Say, once per room and gap, that messages there will not be answered any more."""
        locale = await self.find_locale(message.sender)
        await self._reply_sender.say_in_room(message, format_away(locale), gap, "away")

    async def tell_of_trouble(self, message: Message) -> None:
        """Say, once, that the answer has to wait for the database."""
        if not await self.is_command(message):
            return
        locale = await self._make_locale(None)
        await self._reply_sender.notify(message, format_database_trouble(locale), "memory")

    async def apologise(self, message: Message, reference: str) -> None:
        """Say that something went wrong, with the reference that is in the log."""
        # Without the account: reading it may be what went wrong.
        locale = await self._make_locale(None)
        reply = Reply(format_unexpected(reference, locale))
        await self._reply_sender.answer(message, reply, locale, "apology")

    async def _refuse_excess(
        self, message: Message, invocation: Invocation | None, *, is_private: bool
    ) -> bool:
        """Return whether the message is one too many in its minute; say so once in the minute.

        ``!confirm`` has a count of its own: a hurry before it must not undo a person's decision.
        In a room that others read, those who are not connected are counted together, too.
        """
        is_confirmation = invocation is not None and invocation.name == _CONFIRM
        kind = "confirmations" if is_confirmation else "messages"
        excess = self._throttle.find_excess(message, (kind, message.sender.id))
        if excess is not None:
            self._metrics.record_excess("person")
            if excess.is_first:
                self._log.warning("a person writes too fast", user_id=message.sender.id)
                notice = format_too_fast(excess.wait_s, await self.find_locale(message.sender))
                await self._reply_sender.notify(message, notice, "too fast")
            return True
        if is_private or await self._accounts.load(message.sender.id) is not None:
            return False
        excess = self._throttle.find_excess(message, ("strangers", message.room_id))
        if excess is None:
            return False
        self._metrics.record_excess("room")
        if excess.is_first:
            self._log.warning("strangers write too fast in a room", room_id=message.room_id)
            notice = format_crowded(excess.wait_s, await self.find_locale(message.sender))
            await self._reply_sender.say_in_room(message, notice, message.id, "crowded")
        return True

    def _is_talk(self, invocation: Invocation) -> bool:
        return not invocation.is_prefixed and invocation.name not in self._commands

    async def _hint(self, message: Message, make: Callable[[UserLocale], Reply]) -> None:
        if not await self._direct_rooms.is_private(message):
            return
        if self._throttle.may_hint(
            message.room_id, make.__name__, is_question=is_question(message.text)
        ):
            await self._reply(message, make)

    async def _reply(self, message: Message, make: Callable[[UserLocale], Reply]) -> None:
        locale = await self.find_locale(message.sender)
        await self._reply_sender.answer(message, make(locale), locale)

    async def _answer(self, invocation: Invocation, part: str) -> str | None:
        message = invocation.message
        room_id = await self._direct_rooms.find_answer_room(message)
        account = await self._profiles.load(message.sender.id)
        if account and account.username != message.sender.username:
            await self._accounts.save_username(account.user_id, message.sender.username)
        locale = await self._make_locale(account)
        typing = TypingIndicator(
            question=message,
            room_id=room_id,
            locale=locale,
            bot=self._listener.bot,
            realtime=self._realtime,
            reply_sender=self._reply_sender,
            expected_wait=self._expected_wait,
        )
        async with typing:
            outcome = await typing.run(
                self._run(invocation, room_id, account, locale, typing.note_progress)
            )
            if isinstance(outcome, NotConnectedError) and not outcome.is_said_unlicensed:
                outcome = await self._linking.find_missing_licence() or outcome
            reply = await self._format_outcome(outcome, invocation, account, locale)
            await self._reply_sender.answer(message, reply, locale, part)
            self._note(invocation, outcome)
        return message.sender.id if isinstance(outcome, NotConnectedError) else None

    async def _make_locale(self, account: ConnectedAccount | None) -> UserLocale:
        language = await self._profiles.find_language(account)
        zone = find_zone(account.zone, account.utc_offset) if account else UTC
        return UserLocale(language, zone, self._listener.prefix)

    async def _run(
        self,
        invocation: Invocation,
        room_id: str,
        account: ConnectedAccount | None,
        locale: UserLocale,
        note_progress: Callable[[str], None],
    ) -> Reply:
        context = self._make_context(
            commands=self._commands,
            accounts=self._accounts,
            linking=self._linking,
            invocation=invocation,
            room_id=room_id,
            account=account,
            locale=locale,
            now=self._now(),
            note_progress=note_progress,
        )
        return await self._commands.find(invocation.name).run(context)

    async def _format_outcome(
        self,
        outcome: Reply | Exception,
        invocation: Invocation,
        account: ConnectedAccount | None,
        locale: UserLocale,
    ) -> Reply:
        if isinstance(outcome, Reply):
            return outcome
        if isinstance(outcome, NotConnectedError):
            return await self._invite(outcome, invocation.message, locale)
        if _is_temporary(outcome):
            raise outcome
        if not isinstance(outcome, BotError):
            self._note(invocation, outcome)
            raise outcome
        level = self._log.info if isinstance(outcome, UserError) else self._log.warning
        level("a command was refused", command=invocation.name, problem=repr(outcome))
        failure = format_failure(outcome, locale, self._now())
        if isinstance(outcome, NotLicensedError):
            has_token = account is not None and not account.is_oauth
            return format_unlicensed(failure, locale, has_token=has_token)
        return Reply(failure)

    def _note(self, invocation: Invocation, outcome: Reply | Exception) -> None:
        name = invocation.name if invocation.name in self._commands else None
        message = invocation.message
        self._metrics.record_command(name, _classify(outcome), message.id)
        if isinstance(outcome, Reply):
            self._log.info("answered", command=name, user_id=message.sender.id)

    async def _invite(
        self, error: NotConnectedError, question: Message, locale: UserLocale
    ) -> Reply:
        invitation = await self._linking.invite(question.sender)
        lead = format_failure(error, locale, self._now())
        return format_invitation(lead, invitation, locale)


def _is_temporary(error: Exception) -> bool:
    # The answer waits until the database works again; a broken seal stays broken.
    return isinstance(error, StorageError) and not isinstance(error, SealBrokenError)


def _classify(outcome: Reply | Exception) -> CommandOutcome:
    match outcome:
        case Reply():
            return CommandOutcome.ANSWERED
        case NotConnectedError():
            return CommandOutcome.ASKED_TO_CONNECT
        case UserError():
            return CommandOutcome.REFUSED
        case RateLimitedError():
            return CommandOutcome.BUSY
        case BotError():
            return CommandOutcome.FAILED
    return CommandOutcome.INTERNAL_ERROR
