"""A workspace whose bots come and go, by a clock that a test moves."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.app import Surroundings, open_bot
from bot.simulator.demo_data import DemoPeople, seed
from bot.simulator.people import User
from bot.simulator.person import Person, open_person
from bot.simulator.server import Simulator
from bot.timetable import SPREAD
from tests.scenarios.stage import QUICK, Clock, Conversation, make_settings

DEADLINE = 20


class DrivenClock(Clock):
    """Stands still until it is moved, and tells when whoever sleeps by it has gone on."""

    def __init__(self, start: datetime) -> None:
        super().__init__()
        self._time = start
        self._sleepers: dict[asyncio.Future[None], datetime] = {}
        self._naps = 0
        self._napped = asyncio.Event()

    def now(self) -> datetime:
        return self._time

    def move_to(self, moment: datetime) -> None:
        self._time = moment
        for sleeper in self._sleepers:
            if not sleeper.done():
                sleeper.set_result(None)

    async def sleep(self, seconds: float) -> None:
        until = self._time + timedelta(seconds=seconds)
        self._naps += 1
        self._napped.set()
        while self._time < until:
            sleeper: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._sleepers[sleeper] = until
            try:
                await sleeper
            finally:
                del self._sleepers[sleeper]

    async def pass_to(self, moment: datetime) -> None:
        """Move there, and wait until everybody has looked at it and sleeps again."""
        expected = self._naps + sum(until <= moment for until in self._sleepers.values())
        self.move_to(moment)
        async with asyncio.timeout(DEADLINE):
            while self._naps < expected:
                self._napped.clear()
                await self._napped.wait()


@dataclass
class RunningBot:
    """One bot process, as far as one process can have several."""

    running: "asyncio.Task[None]"
    parts: AsyncExitStack

    async def stop(self) -> None:
        self.running.cancel()
        await asyncio.wait([self.running])
        await self.parts.aclose()


class House:
    """The workspace, its people, and bots that share one database."""

    def __init__(
        self, simulator: Simulator, people: DemoPeople, clock: DrivenClock, folder: Path
    ) -> None:
        self.simulator = simulator
        self.people = people
        self.clock = clock
        self.folder = folder
        self.bots: list[RunningBot] = []

    async def start_bot(self) -> RunningBot:
        listening = asyncio.Event()
        surroundings = Surroundings(
            self.clock.now, QUICK, on_listening=listening.set, sleep=self.clock.sleep
        )
        parts = AsyncExitStack()
        settings = make_settings(self.simulator.url, self.people, self.folder)
        bot = await parts.enter_async_context(open_bot(settings, surroundings))
        started = RunningBot(asyncio.create_task(bot.run()), parts)
        self.bots.append(started)
        async with asyncio.timeout(DEADLINE):
            await listening.wait()
        return started

    async def stop_bots(self) -> None:
        while self.bots:
            await self.bots.pop().stop()

    @property
    def alice(self) -> User:
        return self.people.alice

    def count_said(self, words: str) -> int:
        """Count what the bot said to Alice that begins with these words."""
        workspace = self.simulator.workspace
        room = workspace.direct_room(self.alice, self.people.bot)
        return sum(
            message["u"]["_id"] == self.people.bot.id and message["msg"].startswith(words)
            for message in workspace.messages.of(room)
        )

    def count_looks(self) -> int:
        """Count how often the workspace was asked for somebody's list of sessions."""
        return sum(each.path.endswith("/sessions/list") for each in self.simulator.requests)

    async def wait_for_look(self, number: int) -> None:
        """Wait until a look that says nothing has been taken all the same."""
        async with asyncio.timeout(DEADLINE):
            while True:
                if self.count_looks() >= number:
                    return
                await asyncio.sleep(0.01)


@dataclass
class Guest(Conversation):
    """Alice and the bot, with a clock that goes on to when something is due."""

    house: House

    async def hear_at(self, moment: datetime) -> str:
        """Let the clock go to that time, and past everybody's place in the window."""
        await self.house.clock.pass_to(moment + SPREAD)
        return await self.hear(DEADLINE)


@asynccontextmanager
async def open_house(folder: Path, start: datetime) -> AsyncIterator[House]:
    """Open a workspace and one bot in it, at that time."""
    clock = DrivenClock(start.astimezone(UTC))
    async with Simulator(version="8.3", limit_calls=1000) as simulator:
        house = House(simulator, seed(simulator.workspace), clock, folder)
        await house.start_bot()
        try:
            yield house
        finally:
            await house.stop_bots()


@asynccontextmanager
async def open_alice(house: House) -> AsyncIterator[Guest]:
    """Let Alice in, connected."""
    async with open_person(house.simulator.url, "alice", house.alice.password) as person:
        alice = await greet(house, person)
        await alice.connect()
        yield alice


async def greet(house: House, person: Person) -> Guest:
    room_id = await person.open_direct_room(house.people.bot.username)
    return Guest(person, room_id, house)
