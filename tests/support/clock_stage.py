"""A workspace whose bots come and go, by a clock that a test moves."""

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
from pydantic import SecretStr

from bot.app import AppOverrides, open_bot
from bot.config import Settings, StorageSettings, VaultSettings
from bot.features.reports.schedule_rules import SPREAD
from rocketchat_simulator import Document, Person, Simulator, User, open_person
from rocketchat_simulator.demo.devices import CHROME_WINDOWS
from rocketchat_simulator.demo.seed import DemoPeople, seed
from tests.support.stage import QUICK, Clock, Conversation, make_settings

DEADLINE = 20
KEY = SecretStr(base64.urlsafe_b64encode(bytes(range(32))).decode())
UNSETTLED = (
    "SELECT count(*) FROM session_bot_jobs.procrastinate_jobs"
    " WHERE status = 'todo' OR task_name = 'tick'"
)


async def stay() -> None:
    """Wait for nobody."""


class DrivenClock(Clock):
    """Stands still until it is moved, and tells when whoever sleeps by it has gone on.

    ``settle`` waits for what they only set going.
    """

    def __init__(self, start: datetime, settle: Callable[[], Awaitable[None]] = stay) -> None:
        super().__init__()
        self._settle = settle
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
            await self._settle()


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
        self, simulator: Simulator, people: DemoPeople, clock: DrivenClock, settings: Settings
    ) -> None:
        self.simulator = simulator
        self.people = people
        self.clock = clock
        self.settings = settings
        self.bots: list[RunningBot] = []

    async def start_bot(self) -> RunningBot:
        listening = asyncio.Event()
        surroundings = AppOverrides(
            self.clock.now, QUICK, on_listening=listening.set, sleep=self.clock.sleep
        )
        parts = AsyncExitStack()
        bot = await parts.enter_async_context(open_bot(self.settings, surroundings))
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
async def open_house(folder: Path, start: datetime, database: str = "") -> AsyncIterator[House]:
    """Open a workspace and one bot in it, at that time; its database is a file without one."""

    async def settle() -> None:
        if database:
            await wait_for_jobs(database)

    clock = DrivenClock(start.astimezone(UTC), settle)
    async with Simulator(version="8.3", limit_calls=1000) as simulator:
        people = seed(simulator.workspace)
        settings = make_settings(simulator.url, people, folder)
        if database:
            own = {"storage": StorageSettings(url=database), "vault": VaultSettings(keys=(KEY,))}
            settings = settings.model_copy(update=own)
        house = House(simulator, people, clock, settings)
        await house.start_bot()
        try:
            yield house
        finally:
            await house.stop_bots()


async def wait_for_jobs(database: str) -> None:
    """Wait until the tick has been done, and what it added was begun."""
    async with await psycopg.AsyncConnection.connect(database, autocommit=True) as connection:
        while True:
            found = await connection.execute(UNSETTLED)
            if await found.fetchone() == (0,):
                return
            await asyncio.sleep(0.01)


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


def sign_in(house: House, device: Document = CHROME_WINDOWS, ip: str = "192.0.2.99") -> None:
    """Let Alice's account be used on a device that she has not."""
    token = house.simulator.workspace.make_login_token(house.alice)
    house.simulator.workspace.open_session(house.alice, token=token, device=device, ip=ip)
