"""Faults that are injected into a running bot, to see where each of them shows."""

import asyncio
import io
import json
import re
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp

from bot.models import Message, RoomType, Sender
from bot.storage.database import open_database
from bot.storage.inbox import Inbox, make_inbox_entry
from rocketchat_simulator import Outage
from tests.stress.torture.storage import PostgresDatabase
from tests.support.deadlines import DEADLINE_S
from tests.support.people import Guest
from tests.support.stage import Stage

PAUSE_S = 0.5
FAR = timedelta(days=730)
MANY = 200
IDLE_SOCKETS = 110  # the bot keeps a hundred of one address


class Pauses:
    """How the bot's loops wait: shortly, and independently of the clock, as in reality."""

    def __init__(self) -> None:
        self._counts: Counter[asyncio.Task[object] | None] = Counter()

    async def sleep(self, seconds: float) -> None:
        self._counts[asyncio.current_task()] += 1
        await asyncio.sleep(min(seconds, PAUSE_S))

    async def let_all_work(self) -> None:
        """Wait until each loop has begun and ended its work once."""
        before = self._counts.copy()
        while any(self._counts[loop] < count + 2 for loop, count in before.items()):  # noqa: ASYNC110 - the loops tell nobody
            await asyncio.sleep(0.05)


@dataclass
class Scene:
    """A bot at work, what it logs, and Alice, who is connected."""

    stage: Stage
    alice: Guest
    logged: io.StringIO
    pauses: Pauses
    folder: Path
    asked: int = 0

    @property
    def events(self) -> set[str]:
        """What has been logged since the fault began."""
        lines = self.logged.getvalue().splitlines()
        return {json.loads(line)["event"] for line in lines if line.startswith("{")}

    async def fetch(self, page: str) -> tuple[int, str]:
        url = f"{self.stage.bot.public_url}/{page}"
        async with aiohttp.ClientSession() as http, http.get(url) as response:
            return response.status, await response.text()

    async def read(self, name: str, labels: Mapping[str, str]) -> float:
        """Return the sum of a metric's samples that have these labels."""
        # Not by the library's parser, which takes longer than all the rest of a try.
        _, text = await self.fetch("metrics")
        samples = re.findall(rf"^session_bot_{name}({{.*}})? (\S+)$", text, re.MULTILINE)
        wanted = [f'{label}="{value}"' for label, value in labels.items()]
        return sum(float(value) for shown, value in samples if all(w in shown for w in wanted))

    def ask(self) -> None:
        """Let Alice ask something that the bot answers by itself."""
        self.asked += 1
        self.alice.ask(f"question{self.asked}")


Inject = Callable[[Scene], AbstractAsyncContextManager[None]]
IsShown = Callable[[float, float], bool]


def grows(before: float, now: float) -> bool:
    return now > before


def is_zero(_before: float, now: float) -> bool:
    return now == 0


def is_over(limit: float, _before: float, now: float) -> bool:
    return now > limit


@dataclass(frozen=True)
class Fault:
    """A fault, and where it is expected to show; ``cause`` is what the page calls it."""

    name: str
    inject: Inject
    cause: str
    metric: str
    log: str
    readyz: int = 200
    labels: Mapping[str, str] = field(default_factory=dict)
    is_shown: IsShown = grows

    async def find_missing(self, scene: Scene) -> set[str]:
        """Inject it, and return what does not show before the deadline."""
        before = await scene.read(self.metric, self.labels)
        scene.logged.seek(0)
        scene.logged.truncate()
        missing = {"metric", "readyz", "log"}
        try:
            async with asyncio.timeout(DEADLINE_S):
                async with self.inject(scene):
                    while missing - {"log"}:
                        missing -= await self._look(scene, before)
                        await asyncio.sleep(0.05)
                while missing or not await _is_ready(scene):
                    missing -= {"log"} if self.log in scene.events else set()
                    await asyncio.sleep(0.05)
        except TimeoutError:
            missing.add("end")
        return missing

    async def _look(self, scene: Scene, before: float) -> set[str]:
        now = await scene.read(self.metric, self.labels)
        status, _ = await scene.fetch("readyz")
        shown = {"metric": self.is_shown(before, now), "readyz": status == self.readyz}
        shown |= {"log": self.log in scene.events}
        return {name for name, is_so in shown.items() if is_so}


async def _is_ready(scene: Scene) -> bool:
    return (await scene.fetch("readyz"))[0] == 200


@asynccontextmanager
async def no_new_websocket(scene: Scene) -> AsyncIterator[None]:
    """Keep the bot from connecting again, so that it can be seen without a connection."""
    scene.stage.simulator.faults.fail_next("/websocket", status=503, times=MANY)
    try:
        yield
    finally:
        scene.stage.simulator.faults.clear()


@asynccontextmanager
async def outage(scene: Scene, kind: Outage) -> AsyncIterator[None]:
    async with scene.stage.simulator.outage(kind):
        yield


@asynccontextmanager
async def dropped(scene: Scene) -> AsyncIterator[None]:
    async with no_new_websocket(scene):
        await scene.stage.simulator.realtime.drop_all()
        yield


@asynccontextmanager
async def closed(scene: Scene, code: int) -> AsyncIterator[None]:
    async with no_new_websocket(scene):
        scene.stage.simulator.realtime.close_all(code)
        yield


@asynccontextmanager
async def half_open(scene: Scene) -> AsyncIterator[None]:
    async with no_new_websocket(scene):
        scene.stage.simulator.realtime.hang()
        yield
        await scene.stage.simulator.realtime.drop_all()


@asynccontextmanager
async def bad_answers(
    scene: Scene,
    *,
    status: int,
    body: str = "<h1>Sorry</h1>",
    content_type: str = "text/html",
    route: str = "chat.sendMessage",
    question: str = "",
    times: int = 3,
) -> AsyncIterator[None]:
    scene.stage.simulator.faults.fail_next(
        route, status=status, body=body, content_type=content_type, times=times
    )
    if question:
        scene.alice.say(question)
    else:
        scene.ask()
    yield
    scene.stage.simulator.faults.clear()


@asynccontextmanager
async def lost_answers(scene: Scene) -> AsyncIterator[None]:
    scene.stage.simulator.faults.lose_answer("chat.sendMessage")
    scene.ask()
    yield


@asynccontextmanager
async def late_answers(scene: Scene, seconds: float) -> AsyncIterator[None]:
    scene.stage.simulator.faults.delay_answer("chat.sendMessage", seconds)
    scene.ask()
    yield


@asynccontextmanager
async def repeated_messages(scene: Scene) -> AsyncIterator[None]:
    scene.stage.simulator.realtime.repeat_messages(1)
    scene.ask()
    yield


@asynccontextmanager
async def message_sent_again(scene: Scene) -> AsyncIterator[None]:
    workspace = scene.stage.simulator.workspace
    scene.ask()
    name = f"question{scene.asked}"
    await scene.alice.wait_until(lambda alice: name in alice.answered)
    said = [each for each in workspace.messages.of(scene.alice.room) if name in each["msg"]]
    workspace.react(scene.stage.people.bob, said[0], ":eyes:", is_set=True)
    yield


@asynccontextmanager
async def lost_messages(scene: Scene) -> AsyncIterator[None]:
    scene.stage.simulator.realtime.lose_messages(1)
    scene.ask()
    scene.stage.simulator.realtime.clear_faults()
    await scene.stage.simulator.realtime.drop_all()
    yield


@asynccontextmanager
async def locked_database(scene: Scene) -> AsyncIterator[None]:
    other = sqlite3.connect(scene.folder / "bot.db", isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")
    finally:
        other.close()


@asynccontextmanager
async def killed_before_its_answer(scene: Scene) -> AsyncIterator[None]:
    """Leave what a process leaves that is killed: a claim that ends, and no answer."""
    scene.stage.simulator.realtime.lose_messages(1)
    said = scene.alice.say("!left behind")
    scene.stage.simulator.realtime.clear_faults()
    user, now = scene.alice.user, datetime.now(UTC)
    message = Message(
        id=said["_id"],
        room_id=scene.alice.room.id,
        room_type=RoomType.DIRECT,
        sender=Sender(user.id, user.username, user.name),
        text=said["msg"],
        sent_at=said["ts"],
    )
    async with open_database(f"sqlite:///{scene.folder / 'bot.db'}") as database:
        entry = make_inbox_entry(message)
        await Inbox(database, "dead").claim(entry, now=now, by="dead", until=now)
    yield


@asynccontextmanager
async def flood(scene: Scene) -> AsyncIterator[None]:
    bob = scene.stage.invite("bob")
    bob.ask(*(f"flood{number}" for number in range(25)))
    yield


@asynccontextmanager
async def idle_sockets(scene: Scene) -> AsyncIterator[None]:
    port = int(scene.stage.bot.public_url.rpartition(":")[2])
    async with AsyncExitStack() as stack:
        for _ in range(IDLE_SOCKETS):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            stack.callback(writer.close)
        yield


@asynccontextmanager
async def jumping_clock(scene: Scene) -> AsyncIterator[None]:
    scene.stage.clock.advance(days=FAR.days)
    yield
    await scene.pauses.let_all_work()
    scene.stage.clock.advance(days=-FAR.days)


@asynccontextmanager
async def cut_database_connections(scene: Scene) -> AsyncIterator[None]:
    await PostgresDatabase(scene.stage.settings.storage.url).fail(0.0)
    scene.ask()
    yield
