"""Somebody spoke: message, invocation, command, reply. Errors become words here only."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Final

import structlog

from bot.command import Catalogue, Context, Services
from bot.delivery import Delivery
from bot.errors import BotError, NotConnectedError, StorageError, UserError, WorkspaceError
from bot.formatting.connections import (
    format_connected,
    format_foreign_token,
    format_invitation,
    format_misused_token,
)
from bot.formatting.failures import format_failure, format_surprise
from bot.formatting.hints import format_encrypted, format_hint
from bot.formatting.reader import Reader, find_zone
from bot.models import Invocation, Message, Reply, Sender
from bot.parsing import Listener, is_spoken_by_a_person, parse
from bot.services.connections import Connected, Mismatch
from bot.services.manners import Manners
from bot.services.rooms import Rooms
from bot.storage.inbox import Inbox

CLAIM_TIME: Final = timedelta(minutes=2)
_AT_ONCE: Final = 32
_WAITING: Final = 10_000
_ENCRYPTED: Final = "e2e"

Work = Callable[[], Awaitable[None]]
Typing = Callable[[str, str | None, bool], Awaitable[None]]


@dataclass(slots=True)
class _Lane:
    """One person's commands wait for each other, and for nobody else's."""

    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    users: int = 0


@dataclass(frozen=True, slots=True)
class Parts:
    """What the dispatcher works with."""

    commands: Catalogue
    services: Services
    rooms: Rooms
    manners: Manners
    delivery: Delivery
    inbox: Inbox
    show_typing: Typing


class Dispatcher:
    """Hears messages, has the commands in them run, and answers."""

    def __init__(self, listener: Listener, parts: Parts, now: Callable[[], datetime]) -> None:
        self._listener: Final = listener
        self._parts: Final = parts
        self._now: Final = now
        self._name: Final = secrets.token_hex(4)
        self._heard: Final[asyncio.Queue[Message]] = asyncio.Queue(_WAITING)
        self._places: Final = asyncio.Semaphore(_AT_ONCE)
        self._lanes: Final[dict[str, _Lane]] = {}
        self._log = structlog.get_logger("dispatcher")

    def hear(self, message: Message) -> None:
        """Take in a message; returns at once and never raises."""
        if not self._is_worth_hearing(message):
            return
        try:
            self._heard.put_nowait(message)
        except asyncio.QueueFull:
            self._log.error("too much to do: a message was passed over", message_id=message.id)

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._take_messages(tasks))
            tasks.create_task(self._take_events(tasks))

    async def _take_messages(self, tasks: asyncio.TaskGroup) -> None:
        while True:
            message = await self._heard.get()
            tasks.create_task(self._in_turn(message.sender, partial(self._work, message), message))

    async def _take_events(self, tasks: asyncio.TaskGroup) -> None:
        while True:
            event = await self._parts.services.connections.events.get()
            tasks.create_task(self._in_turn(event.asker, partial(self._tell, event)))

    def _is_worth_hearing(self, message: Message) -> bool:
        if message.system_type == _ENCRYPTED:
            return message.is_participant and message.sender.id != self._listener.bot.id
        return is_spoken_by_a_person(message, self._listener.bot)

    async def _in_turn(self, person: Sender, work: Work, question: Message | None = None) -> None:
        lane = self._lanes.setdefault(person.id, _Lane())
        lane.users += 1
        try:
            async with lane.turn, self._places:
                await self._survive(work, question)
        finally:
            lane.users -= 1
            if not lane.users:
                del self._lanes[person.id]

    async def _survive(self, work: Work, question: Message | None) -> None:
        try:
            await work()
        except WorkspaceError as error:
            self._log.warning("an answer did not get through", problem=repr(error))
        except Exception as error:  # noqa: BLE001 - the one place where a surprise becomes words
            reference = secrets.token_hex(2).upper()
            self._log.exception("something went wrong", reference=reference)
            if question is not None:
                await self._apologise(question, error, reference)

    async def _apologise(self, question: Message, error: Exception, reference: str) -> None:
        reader = Reader(prefix=self._listener.prefix)
        if isinstance(error, BotError):
            text = format_failure(error, reader)
        else:
            text = format_surprise(reference, reader)
        try:
            await self._parts.delivery.answer(question, Reply(text), reader, "apology")
        except WorkspaceError as problem:
            self._log.warning("nor could the apology be sent", problem=repr(problem))

    async def _work(self, message: Message) -> None:
        is_private = await self._parts.rooms.is_private(message)
        if message.system_type:
            if is_private:
                await self._hint(message, format_encrypted)
            return
        invocation = parse(message, self._listener, is_private=is_private)
        if invocation is None or not self._parts.manners.may_reply(message.room_id):
            return
        if not await self._claim(message):
            return
        if self._is_talk(invocation):
            await self._hint(message, format_hint)
        else:
            await self._answer(invocation)
        await self._parts.inbox.finish(message.id, self._now())

    async def _claim(self, message: Message) -> bool:
        now = self._now()
        return await self._parts.inbox.claim(
            message.id, now=now, by=self._name, until=now + CLAIM_TIME
        )

    def _is_talk(self, invocation: Invocation) -> bool:
        return not invocation.is_prefixed and invocation.name not in self._parts.commands

    async def _hint(self, message: Message, make: Callable[[Reader], Reply]) -> None:
        if self._parts.manners.may_hint(message.room_id, make.__name__):
            reader = await self._find_reader(message.sender)
            await self._parts.delivery.answer(message, make(reader), reader)

    async def _answer(self, invocation: Invocation, part: str = "answer") -> None:
        message = invocation.message
        room_id = await self._parts.rooms.find_answer_room(message)
        reader = await self._find_reader(message.sender)
        await self._parts.show_typing(room_id, message.thread_id, True)  # noqa: FBT003 - on
        try:
            reply = await self._run(invocation, room_id, reader)
            await self._parts.delivery.answer(message, reply, reader, part)
        finally:
            await self._parts.show_typing(room_id, message.thread_id, False)  # noqa: FBT003 - off

    async def _run(self, invocation: Invocation, room_id: str, reader: Reader) -> Reply:
        parts = self._parts
        context = Context(invocation, room_id, reader, self._now(), parts.services, parts.commands)
        try:
            return await self._parts.commands.find(invocation.name).run(context)
        except NotConnectedError as error:
            return await self._invite(error, invocation.message, reader)
        except BotError as error:
            self._log_failure(invocation, error)
            return Reply(format_failure(error, reader))

    async def _invite(self, error: NotConnectedError, question: Message, reader: Reader) -> Reply:
        link = await self._parts.services.connections.invite(question.sender, question)
        return format_invitation(format_failure(error, reader), link, reader)

    def _log_failure(self, invocation: Invocation, error: BotError) -> None:
        level = self._log.info if isinstance(error, UserError) else self._log.warning
        level("a command was refused", command=invocation.name, problem=repr(error))

    async def _find_reader(self, person: Sender) -> Reader:
        prefix = self._listener.prefix
        try:
            account = await self._parts.services.connections.load(person.id)
        except StorageError:
            account = None
        if account is None:
            return Reader(prefix=prefix)
        return Reader(account.language, find_zone(account.zone, account.utc_offset), prefix)

    async def _tell(self, event: Connected | Mismatch) -> None:
        reader = await self._find_reader(event.asker)
        tell, cause = self._parts.delivery.tell, secrets.token_hex(8)
        if isinstance(event, Mismatch):
            await tell(event.asker, format_foreign_token(event.owner.username, reader), cause)
            owner_reader = await self._find_reader(event.owner)
            misuse = format_misused_token(event.asker.username, owner_reader)
            await tell(event.owner, misuse, cause)
            return
        await tell(event.asker, format_connected(reader), cause)
        if event.question is not None:
            await self._answer_waiting(event.question)

    async def _answer_waiting(self, question: Message) -> None:
        is_private = await self._parts.rooms.is_private(question)
        invocation = parse(question, self._listener, is_private=is_private)
        if invocation is not None:
            await self._answer(invocation, part="answer after connecting")
