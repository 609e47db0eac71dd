"""Inbox, catch-up and checkpoint under every order of events that hypothesis can think of."""

import asyncio
import tempfile
from bisect import insort
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, cast

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from bot.absence import Absence
from bot.answers import Answers
from bot.cases import CaseParts, Cases
from bot.catch_up import CatchUp, Missed
from bot.desk import Desk, DeskParts
from bot.errors import UnreachableError
from bot.intake import Intake, IntakeParts, is_worth_hearing
from bot.lanes import Job, Lanes, Progress
from bot.models import Message, Room, RoomType, Sender
from bot.parsing import Listener
from bot.rocketchat.rest import HistoryPage, Rest
from bot.storage.checkpoints import Checkpoints
from bot.storage.database import Database, open_database
from bot.storage.inbox import Inbox
from bot.storage_health import StorageHealth
from bot.workspace_clock import WorkspaceClock

START = datetime(2026, 11, 23, 20, 0, tzinfo=UTC)
BOT = Sender("bot", "sessions")
PEOPLE = ("ann", "bob", "cat")
PROCESSES = ("first", "second")
PAGE = 3
DAY = timedelta(days=1)
LONGER_THAN_A_CLAIM = 11.0


class KilledError(BaseException):
    """The process is gone in the middle of this."""


@dataclass
class World:
    """A workspace: what was said in it, and what the bot answered."""

    now: datetime = START
    said: list[Message] = field(default_factory=list)
    answered: list[str] = field(default_factory=list)
    listening: "list[Process]" = field(default_factory=list)
    is_reachable: bool = True
    said_while_fetching: int = 0
    breaks_while_fetching: bool = False

    def say(self, person: str, later: float = 0.0) -> Message:
        self.now += timedelta(seconds=later, milliseconds=1)
        sender = Sender(person, person)
        id_ = f"{person}{len(self.said)}"
        message = Message(id_, f"room of {person}", RoomType.DIRECT, sender, "!x", self.now)
        self.said.append(message)
        for process in self.listening:
            process.intake.hear(message)
        return message

    async def fetch_time(self) -> datetime:
        self._check()
        return self.now.replace(microsecond=0)

    async def fetch_changed_rooms(self, since: datetime) -> tuple[Room, ...]:
        self._check()
        names = {each.room_id for each in self.said if each.sent_at > since}
        return tuple(Room(name, RoomType.DIRECT) for name in sorted(names))

    async def fetch_history(
        self, room: Room, oldest: datetime, latest: datetime | None = None
    ) -> HistoryPage:
        self._check()
        until = latest or self.now
        found = [
            each
            for each in reversed(self.said)
            if each.room_id == room.id and oldest <= each.sent_at <= until
        ]
        for _ in range(self.said_while_fetching):
            self.say(PEOPLE[0])
        self.said_while_fetching = 0
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
class HandDrivenLanes:
    """Each person's jobs in order, worked one by one as the test says."""

    jobs: dict[str, list[Job]] = field(default_factory=dict)
    room: int = 5

    def add(self, job: Job) -> None:
        insort(self.jobs.setdefault(job.person_id, []), job, key=lambda each: each.at)
        self.room -= 1

    async def work(self, person: str) -> Progress | None:
        waiting = self.jobs.get(person)
        if not waiting:
            return None
        job = waiting[0]
        progress = await job.work()
        if progress is Progress.SETTLED:
            waiting.remove(job)
            self.room += 1
        return progress


@dataclass
class ScriptedAnswers:
    """Answers once for each id, as the server stores each id once; may fail or die in it."""

    world: World
    inbox: Inbox
    script: list[str] = field(default_factory=list)

    async def answer(self, message: Message, _part: str, *, is_repeat: bool = False) -> None:
        del is_repeat
        assert not await self.inbox.is_finished(message.id)
        how = self.script.pop() if self.script else "well"
        if how == "killed before":
            raise KilledError
        if how == "failing" or not self.world.is_reachable:
            raise UnreachableError("cut off")
        if message.id not in self.world.answered:
            self.world.answered.append(message.id)
        if how == "killed after":
            raise KilledError


class Process:
    """One process of the bot, as far as messages go."""

    def __init__(self, world: World, database: Database, name: str) -> None:
        self.world = world
        self.is_live = False
        self.lanes = HandDrivenLanes()
        clock, health = WorkspaceClock(self.count_seconds), StorageHealth()
        inbox, checkpoints = Inbox(database), Checkpoints(database, BOT.id)
        self.answers = ScriptedAnswers(world, inbox)
        answers, lanes = cast("Answers", self.answers), cast("Lanes", self.lanes)
        case_parts = CaseParts(
            name=name,
            inbox=inbox,
            answers=answers,
            absence=Absence(inbox, answers, name, self.tell_time),
            rest=cast("Rest", world),
            clock=clock,
            health=health,
            check_token=self.do_nothing,
            now=self.tell_time,
        )
        desk_parts: Any = (name, inbox, lanes, Cases(case_parts, DAY), health, self.tell_time)
        self.desk = Desk(DeskParts(*desk_parts))
        listener = Listener(BOT, "!")
        worth = partial(is_worth_hearing, listener=listener)
        catch_up = CatchUp(world, checkpoints, clock, window=DAY, is_worth=worth)
        parts = IntakeParts(
            listener=listener,
            catch_up=catch_up,
            checkpoints=checkpoints,
            clock=clock,
            health=health,
            accept=self.desk.accept,
            give_up=self.check_nothing_is_given_up,
            complain=self.do_nothing,
            is_live=lambda: self.is_live,
            now=self.tell_time,
        )
        self.intake = Intake(parts, DAY)

    def tell_time(self) -> datetime:
        return self.world.now

    def count_seconds(self) -> float:
        return (self.world.now - START).total_seconds()

    async def do_nothing(self, *_: object) -> None:
        pass

    async def check_nothing_is_given_up(self, missed: Missed) -> None:
        assert not missed.old

    async def connect(self) -> bool:
        """Listen, catch up, be live: as the realtime connection does it."""
        self.world.listening.append(self)
        try:
            await self.intake.catch_up()
        except UnreachableError:
            self.drop()
            return False
        self.is_live = True
        return True

    def drop(self) -> None:
        self.is_live = False
        if self in self.world.listening:
            self.world.listening.remove(self)


class Conversation(RuleBasedStateMachine):
    """People talk; processes come, go, are cut off and killed."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.stack = AsyncExitStack()
        self.world = World()
        self.processes: dict[str, Process] = {}
        self.starts = 0
        url = f"sqlite:///{Path(self.folder.name) / 'bot.db'}"
        self.database = self.run(self.stack.enter_async_context(open_database(url)))
        # The very first start, before which nothing is answered.
        self.start(PROCESSES[0])
        self.world.now += timedelta(seconds=1)

    def run(self, work: Any) -> Any:  # noqa: ANN401 - any coroutine and its outcome
        return self.runner.run(work)

    def start(self, name: str) -> None:
        self.starts += 1
        process = Process(self.world, self.database, f"{name} {self.starts}")
        self.processes[name] = process
        self.run(process.connect())

    def kill(self, name: str) -> None:
        self.processes.pop(name).drop()

    @rule(person=st.sampled_from(PEOPLE), later=st.sampled_from([0.0, 0.0, 0.0, 2.0, 200.0]))
    def say(self, person: str, later: float) -> None:
        self.world.say(person, later)

    @precondition(lambda self: self.world.said)
    @rule(data=st.data())
    def send_again(self, data: st.DataObject) -> None:
        message = data.draw(st.sampled_from(self.world.said))
        for process in self.world.listening:
            process.intake.hear(message)

    @rule(name=st.sampled_from(PROCESSES), chatter=st.integers(0, 2), breaks=st.booleans())
    def come(self, name: str, chatter: int, breaks: bool) -> None:
        process = self.processes.get(name)
        self.world.said_while_fetching = chatter
        self.world.breaks_while_fetching = breaks
        if process is None:
            self.start(name)
        elif not process.is_live:
            self.run(process.connect())
        self.world.said_while_fetching = 0
        self.world.breaks_while_fetching = False

    @rule(name=st.sampled_from(PROCESSES))
    def lose_connection(self, name: str) -> None:
        if name in self.processes:
            self.processes[name].drop()

    @rule(name=st.sampled_from(PROCESSES))
    def be_killed(self, name: str) -> None:
        if name in self.processes:
            self.kill(name)

    @rule(name=st.sampled_from(PROCESSES))
    def stop_in_good_order(self, name: str) -> None:
        if name in self.processes:
            self.run(self.processes[name].desk.release())
            self.kill(name)

    @rule(is_reachable=st.booleans())
    def cut_or_mend(self, is_reachable: bool) -> None:
        self.world.is_reachable = is_reachable

    @rule(name=st.sampled_from(PROCESSES))
    def take_in(self, name: str) -> None:
        if name in self.processes:
            self.run(self.processes[name].intake.take_in())

    @rule(name=st.sampled_from(PROCESSES), seconds=st.sampled_from([0.0, 5.0, LONGER_THAN_A_CLAIM]))
    def look_round(self, name: str, seconds: float) -> None:
        self.world.now += timedelta(seconds=seconds)
        if name in self.processes:
            self.run(self.processes[name].desk.renew())
            self.run(self.processes[name].desk.take_over())

    @rule(
        name=st.sampled_from(PROCESSES),
        person=st.sampled_from(PEOPLE),
        how=st.sampled_from(["well", "well", "failing", "killed before", "killed after"]),
    )
    def work(self, name: str, person: str, how: str) -> None:
        process = self.processes.get(name)
        if process is None:
            return
        process.answers.script = [how]
        try:
            self.run(process.lanes.work(person))
        except KilledError:
            self.kill(name)

    def teardown(self) -> None:
        """Let all come to rest: then each is answered once, and everybody's in order."""
        try:
            self.come_to_rest()
            for person in PEOPLE:
                mine = [each.id for each in self.world.said if each.sender.id == person]
                assert [each for each in self.world.answered if each in mine] == mine
        finally:
            self.run(self.stack.aclose())
            self.runner.close()
            self.folder.cleanup()

    def come_to_rest(self) -> None:
        self.world.is_reachable = True
        for name in list(self.processes):
            self.kill(name)
        self.start(PROCESSES[0])
        process = self.processes[PROCESSES[0]]
        for _ in range(3 * len(self.world.said) + 3):
            self.world.now += timedelta(seconds=LONGER_THAN_A_CLAIM)
            self.run(process.desk.renew())
            self.run(process.desk.take_over())
            for person in PEOPLE:
                self.run(process.lanes.work(person))


Conversation.TestCase.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None, print_blob=True
)
TestConversation = Conversation.TestCase
