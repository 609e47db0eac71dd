"""From a message to the answer that its sender reads."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final

import structlog

from bot.commands.registry import Catalogue, Context, Services
from bot.delivery.direct_rooms import DirectRooms
from bot.delivery.reply_sender import ReplySender
from bot.delivery.reply_throttle import ReplyThrottle
from bot.errors import (
    BotError,
    NotConnectedError,
    RateLimitedError,
    SealBrokenError,
    StorageError,
    UserError,
    WorkspaceError,
)
from bot.features.accounts.messages import format_invitation, format_token_in_chat
from bot.formatting.errors import (
    format_away,
    format_encrypted,
    format_failure,
    format_hint,
    format_surprise,
    format_wait,
)
from bot.formatting.locale import UserLocale, find_zone
from bot.metrics import Metrics, Outcome
from bot.models import Invocation, Message, Reply, Sender
from bot.parsing import Listener, has_token, parse

Typing = Callable[[str, str | None, bool], Awaitable[None]]

TYPING_AFTER_S: Final = 0.5
WAIT_NOTICE_AFTER_S: Final = 3.0


@dataclass(frozen=True, slots=True)
class ResponderParts:
    """What answering takes. ``expected_wait`` tells a user's wait for the workspace, in s."""

    commands: Catalogue
    services: Services
    rooms: DirectRooms
    manners: ReplyThrottle
    delivery: ReplySender
    show_typing: Typing
    expected_wait: Callable[[str], float | None]
    metrics: Metrics


class Responder:
    """Has commands run, and sends what comes of them; each message's replies have fixed ids."""

    def __init__(
        self, listener: Listener, parts: ResponderParts, now: Callable[[], datetime]
    ) -> None:
        self._listener: Final = listener
        self._parts: Final = parts
        self._now: Final = now
        self._log = structlog.get_logger("answers").bind()

    async def answer(self, message: Message, part: str, *, is_repeat: bool = False) -> str | None:
        """Answer, if the message asks for it; a repeat says nothing that stands there already.

        Gives the user whose connecting the true answer waits for, if it does. Raises
        WorkspaceError where the answer is not in the room, and StorageError.
        """
        is_private = await self._parts.rooms.is_private(message)
        if message.system_type:
            await self._hint(message, format_encrypted)
            return None
        has_secret = has_token(message.text)
        # Before anything else looks at a token, so that it is nowhere used, logged or stored.
        is_meant = is_private or self._listener.bot.id in message.mentioned_ids
        invocation = None if has_secret else parse(message, self._listener, is_private=is_private)
        if invocation is None and not (has_secret and is_meant):
            return None
        if not (is_repeat or self._parts.manners.may_reply(message.room_id, message.sent_at)):
            return None
        if invocation is None:
            await self._reply(message, format_token_in_chat)
            return None
        if self._is_talk(invocation):
            await self._hint(message, format_hint)
            return None
        return await self._answer(invocation, part)

    async def is_command(self, message: Message) -> bool:
        """Tell whether the message calls a command; raises WorkspaceError."""
        is_private = await self._parts.rooms.is_private(message)
        invocation = parse(message, self._listener, is_private=is_private)
        return invocation is not None and not self._is_talk(invocation)

    async def find_locale(self, person: Sender) -> UserLocale:
        """Give how the person reads; as everybody does where that is not known."""
        prefix = self._listener.prefix
        try:
            account = await self._parts.services.connections.load(person.id)
        except StorageError:
            account = None
        if account is None:
            return UserLocale(prefix=prefix)
        return UserLocale(account.language, find_zone(account.zone, account.utc_offset), prefix)

    async def say_away(self, message: Message, gap: str) -> None:
        """Say once per room and gap that what was said there will not be answered any more."""
        locale = await self.find_locale(message.sender)
        await self._parts.delivery.say_away(message, format_away(locale), gap)

    async def ask_for_patience(self, message: Message) -> None:
        """Tell, once, that the answer has to wait until the bot's memory works again."""
        if not await self.is_command(message):
            return
        locale = UserLocale(prefix=self._listener.prefix)
        text = locale.text(
            "I can't reach my own memory just now. I will answer as soon as I can; "
            "the operator has been told."
        )
        await self._parts.delivery.notify(message, Reply(text), "memory")

    async def apologise(self, message: Message, reference: str) -> None:
        """Say that something unforeseen went wrong; the log has the reference."""
        locale = UserLocale(prefix=self._listener.prefix)
        reply = Reply(format_surprise(reference, locale))
        await self._parts.delivery.answer(message, reply, locale, "apology")

    def _is_talk(self, invocation: Invocation) -> bool:
        return not invocation.is_prefixed and invocation.name not in self._parts.commands

    async def _hint(self, message: Message, make: Callable[[UserLocale], Reply]) -> None:
        if not await self._parts.rooms.is_private(message):
            return
        if self._parts.manners.may_hint(message.room_id, make.__name__):
            await self._reply(message, make)

    async def _reply(self, message: Message, make: Callable[[UserLocale], Reply]) -> None:
        locale = await self.find_locale(message.sender)
        await self._parts.delivery.answer(message, make(locale), locale)

    async def _answer(self, invocation: Invocation, part: str) -> str | None:
        message = invocation.message
        room_id = await self._parts.rooms.find_answer_room(message)
        is_typing = asyncio.Event()
        try:
            locale = await self.find_locale(message.sender)
            outcome = await self._run_patiently(invocation, room_id, locale, is_typing)
            reply = await self._put_into_words(outcome, invocation, locale)
            await self._parts.delivery.answer(message, reply, locale, part)
            self._note(invocation, outcome)
        finally:
            if is_typing.is_set():
                await self._parts.show_typing(room_id, message.thread_id, False)  # noqa: FBT003 - off
        return message.sender.id if isinstance(outcome, NotConnectedError) else None

    async def _run_patiently(
        self, invocation: Invocation, room_id: str, locale: UserLocale, is_typing: asyncio.Event
    ) -> Reply | Exception:
        is_sending = asyncio.Event()
        keep_company = partial(
            self._keep_company, invocation.message, room_id, locale, is_typing, is_sending
        )
        # The outcome is handed out as a value: the group would wrap an error in another.
        async with asyncio.TaskGroup() as tasks:
            company: list[asyncio.Task[None]] = []
            # Most answers are there before anybody could see it, and a task costs more than this.
            alarm = asyncio.get_running_loop().call_later(
                TYPING_AFTER_S, lambda: company.append(tasks.create_task(keep_company()))
            )
            try:
                outcome: Reply | Exception = await self._run(invocation, room_id, locale)
            except Exception as error:  # noqa: BLE001 - it is raised again
                outcome = error
            finally:
                alarm.cancel()
            # Not in the middle of it: the notice could arrive after the answer.
            if not is_sending.is_set():
                for each in company:
                    each.cancel()
        return outcome

    async def _run(self, invocation: Invocation, room_id: str, locale: UserLocale) -> Reply:
        parts = self._parts
        context = Context(invocation, room_id, locale, self._now(), parts.services, parts.commands)
        return await parts.commands.find(invocation.name).run(context)

    async def _put_into_words(
        self, outcome: Reply | Exception, invocation: Invocation, locale: UserLocale
    ) -> Reply:
        if isinstance(outcome, Reply):
            return outcome
        if isinstance(outcome, NotConnectedError):
            return await self._invite(outcome, invocation.message, locale)
        if _is_passing(outcome):
            raise outcome
        if not isinstance(outcome, BotError):
            self._note(invocation, outcome)
            raise outcome
        level = self._log.info if isinstance(outcome, UserError) else self._log.warning
        level("a command was refused", command=invocation.name, problem=repr(outcome))
        return Reply(format_failure(outcome, locale, self._now()))

    def _note(self, invocation: Invocation, outcome: Reply | Exception) -> None:
        name = invocation.name if invocation.name in self._parts.commands else None
        message = invocation.message
        self._parts.metrics.note_command(name, _classify(outcome), message.id)
        if isinstance(outcome, Reply):
            self._log.info("answered", command=name, user_id=message.sender.id)

    async def _invite(
        self, error: NotConnectedError, question: Message, locale: UserLocale
    ) -> Reply:
        link = await self._parts.services.connections.invite(question.sender)
        return format_invitation(format_failure(error, locale, self._now()), link, locale)

    async def _keep_company(
        self,
        message: Message,
        room_id: str,
        locale: UserLocale,
        is_typing: asyncio.Event,
        is_sending: asyncio.Event,
    ) -> None:
        is_typing.set()
        await self._parts.show_typing(room_id, message.thread_id, True)  # noqa: FBT003 - on
        await asyncio.sleep(WAIT_NOTICE_AFTER_S - TYPING_AFTER_S)
        while (wait := self._parts.expected_wait(message.sender.id)) is None or wait < 1:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(1)
        is_sending.set()
        try:
            await self._parts.delivery.notify(message, format_wait(wait, locale), "wait")
        except WorkspaceError as error:
            self._log.warning("the wait could not be told", problem=repr(error))


def _is_passing(error: Exception) -> bool:
    # The answer waits until the database works again; a seal stays broken.
    return isinstance(error, StorageError) and not isinstance(error, SealBrokenError)


def _classify(outcome: Reply | Exception) -> Outcome:
    match outcome:
        case Reply():
            return Outcome.ANSWERED
        case NotConnectedError():
            return Outcome.CONNECT
        case UserError():
            return Outcome.REFUSED
        case RateLimitedError():
            return Outcome.BUSY
        case BotError():
            return Outcome.FAILED
    return Outcome.SURPRISE


def make_reference() -> str:
    """Make what a person can quote to the operator, who finds it in the log."""
    return secrets.token_hex(2).upper()
