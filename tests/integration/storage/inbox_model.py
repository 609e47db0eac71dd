"""A workspace and processes of the bot, as far as messages go, moved by hand."""

import time
from bisect import insort
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import ClassVar, cast

from bot.dispatcher.catch_up import Missed
from bot.dispatcher.claims import MessageClaims
from bot.dispatcher.message_worker import MessageWorker
from bot.dispatcher.receiver import MessageReceiver
from bot.dispatcher.responder import Responder
from bot.dispatcher.server_clock import ServerClock
from bot.dispatcher.user_queues import Progress, UserQueues, UserTask
from bot.errors import UnreachableError
from bot.metrics import Metrics
from bot.models import Message, Room, RoomType, Sender
from bot.parsing import Listener
from bot.rocketchat.client import HistoryPage, RestClient
from bot.rocketchat.rate_limit.limiter import PeopleWaiting
from bot.storage.checkpoints import Checkpoint, Checkpoints
from bot.storage.database import Database
from bot.storage.inbox import Inbox
from tests.support.stored import is_finished

START = datetime(2026, 11, 23, 20, 0, tzinfo=UTC)
BOT = Sender("bot", "sessions")
PEOPLE = ("ann", "bob", "cat")
PAGE = 3
DAY = timedelta(days=1)


class KilledError(BaseException):
    """The process is gone in the middle of this."""


@dataclass
class World:
    """A workspace: what was said in it, and what the bot answered."""

    DEADLY_MOMENTS: ClassVar = (
        *("fetching", "accepting", "half accepted", "before checkpoint", "after checkpoint"),
    )

    now: datetime = START
    said: list[Message] = field(default_factory=list)
    answered: list[str] = field(default_factory=list)
    listening: "list[Process]" = field(default_factory=list)
    is_reachable: bool = True
    said_while_fetching: int = 0
    breaks_while_fetching: bool = False
    histories_fetched: int = 0
    deadly: str = ""
    """The moment at which the process that comes to it is killed; then there is none any more."""

    def say(self, person: str, later: float = 0.0, *, is_lost: bool = False) -> Message:
        """Let somebody speak; what is lost reaches nobody over the stream."""
        self.now += timedelta(seconds=later, milliseconds=1)
        sender = Sender(person, person)
        id_ = f"{person}{len(self.said)}"
        message = Message(id_, f"room of {person}", RoomType.DIRECT, sender, "!x", self.now)
        self.said.append(message)
        for process in [] if is_lost else self.listening:
            process.receiver.hear(message)
        return message

    def kill(self, moment: str) -> None:
        """Kill the process that has come to this moment, if it is the one."""
        if self.deadly == moment:
            self.deadly = ""
            raise KilledError

    async def fetch_time(self) -> datetime:
        self._check()
        return self.now.replace(microsecond=0)

    async def fetch_changed_rooms(self, since: datetime) -> tuple[Room, ...]:
        self._check()
        changed = {each.room_id: each.sent_at for each in self.said if each.sent_at > since}
        return tuple(
            Room(name, RoomType.DIRECT, updated_at=updated_at)
            for name, updated_at in sorted(changed.items())
        )

    async def fetch_history(
        self, room: Room, oldest: datetime, latest: datetime | None = None
    ) -> HistoryPage:
        self._check()
        self.histories_fetched += 1
        until = latest or self.now
        found = [
            each
            for each in reversed(self.said)
            if each.room_id == room.id and oldest <= each.sent_at <= until
        ]
        for _ in range(self.said_while_fetching):
            self.say(PEOPLE[0])
        self.said_while_fetching = 0
        self.kill("fetching")
        self.is_reachable = not self.breaks_while_fetching
        self._check()
        return HistoryPage(tuple(found[:PAGE]), len(found) <= PAGE)

    async def fetch_message(self, message_id: str) -> Message | None:
        self._check()
        return next((each for each in self.said if each.id == message_id), None)

    async def fetch_room(self, room_id: str) -> Room:
        return Room(room_id, RoomType.DIRECT)

    def _check(self) -> None:
        if not self.is_reachable:
            raise UnreachableError("cut off")


@dataclass
class HandDrivenQueues:
    """Each person's tasks in order, run one by one as the test says."""

    tasks: dict[str, list[UserTask]] = field(default_factory=dict)
    room: int = 5

    @property
    def count(self) -> int:
        return sum(map(len, self.tasks.values()))

    def add(self, task: UserTask) -> None:
        insort(self.tasks.setdefault(task.user_id, []), task, key=lambda each: each.at)
        self.room -= 1

    async def work(self, person: str) -> Progress | None:
        waiting = self.tasks.get(person)
        if not waiting:
            return None
        task = waiting[0]
        progress = await task.work()
        if progress is Progress.DONE:
            waiting.remove(task)
            self.room += 1
        return progress


@dataclass
class ScriptedResponder:
    """Answers once for each id, as the server stores each id once; may fail or die in it."""

    world: World
    database: Database
    script: list[str] = field(default_factory=list)

    async def answer(self, message: Message, _part: str) -> None:
        assert not await is_finished(self.database, message.id)
        how = self.script.pop() if self.script else "well"
        if how == "killed before":
            raise KilledError
        if how == "failing" or not self.world.is_reachable:
            raise UnreachableError("cut off")
        if message.id not in self.world.answered:
            self.world.answered.append(message.id)
        if how == "killed after":
            raise KilledError


@dataclass
class MortalCheckpoints:
    """Checkpoints whose process may be killed before or after each advance."""

    world: World
    kept: Checkpoints

    async def load_or_make(self, server_now: datetime) -> Checkpoint:
        return await self.kept.load_or_make(server_now)

    async def advance(self, until: datetime, now: datetime) -> None:
        self.world.kill("before checkpoint")
        await self.kept.advance(until, now)
        self.world.kill("after checkpoint")


class Process:
    """One process of the bot, as far as messages go."""

    def __init__(self, world: World, database: Database, name: str) -> None:
        self.world, self.database = world, database
        self.is_live = False
        self.queues = HandDrivenQueues()
        self.inbox = inbox = Inbox(database, name)
        server_clock = ServerClock(self.count_seconds, DAY)
        checkpoints = cast("Checkpoints", MortalCheckpoints(world, Checkpoints(database, BOT.id)))
        self.responder = ScriptedResponder(world, database)
        responder, rest = cast("Responder", self.responder), cast("RestClient", world)
        metrics = Metrics("0")
        worker = MessageWorker(
            inbox=inbox,
            responder=responder,
            rest=rest,
            server_clock=server_clock,
            check_token=self.do_nothing,
            metrics=metrics,
            now=self.tell_time,
        )
        self.claims = MessageClaims(
            inbox=inbox,
            queues=cast("UserQueues", self.queues),
            worker=worker,
            reply_timer=metrics.reply_timer,
            people_waiting=PeopleWaiting(time.monotonic),
            now=self.tell_time,
        )
        self.receiver = MessageReceiver(
            listener=Listener(BOT, "!"),
            rest=rest,
            inbox=inbox,
            checkpoints=checkpoints,
            server_clock=server_clock,
            accept=self.accept,
            give_up=self.check_nothing_is_given_up,
            tell_of_trouble=self.do_nothing,
            is_live=lambda: self.is_live,
            now=self.tell_time,
        )

    def tell_time(self) -> datetime:
        return self.world.now

    def count_seconds(self) -> float:
        return (self.world.now - START).total_seconds()

    async def do_nothing(self, *_: object) -> None:
        pass

    async def check_nothing_is_given_up(self, missed: Missed) -> None:
        assert not missed.old

    async def accept(self, messages: Sequence[Message]) -> None:
        self.world.kill("accepting")
        half = len(messages) // 2
        await self.claims.accept(messages[:half])
        self.world.kill("half accepted")
        await self.claims.accept(messages[half:])

    async def connect(self) -> bool:
        """Listen, catch up, be live: as the realtime connection does it."""
        self.world.listening.append(self)
        try:
            await self.receiver.catch_up()
        except UnreachableError:
            self.drop()
            return False
        self.is_live = True
        return True

    def drop(self) -> None:
        self.is_live = False
        if self in self.world.listening:
            self.world.listening.remove(self)
