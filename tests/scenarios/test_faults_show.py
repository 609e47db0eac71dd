"""Each fault of the torture run shows: as a metric, in the log, and in ``/readyz`` where it should.

PostgreSQL's connections, and a server that hangs, are in ``test_hung_postgresql``.
"""

import asyncio
import io
import json
import re
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import aiohttp
import pytest
import structlog

from bot.backoff import Backoff
from bot.config import StorageSettings
from bot.logs import open_logs
from bot.models import Message, RoomType, Sender
from bot.rocketchat.realtime import RealtimeSettings
from bot.storage.database import open_database
from bot.storage.inbox import Inbox, make_inbox_entry
from rocketchat_simulator import Outage
from tests.support.deadlines import SLOWNESS
from tests.support.people import Guest
from tests.support.stage import QUICKLY, Stage, open_stage

WATCHFUL = RealtimeSettings(ping_after_s=0.5, pong_timeout_s=0.4, call_timeout_s=1.0)
REQUEST_TIMEOUT_S = 1.0
FAULT_DEADLINE_S = 15.0 * SLOWNESS
PAUSE_S = 0.25
FAR = timedelta(days=730)
MANY = 200
IDLE_SOCKETS = 110  # the bot keeps a hundred of one address
TOO_MANY = '{"success":false,"error":"You must wait 1 seconds [error-too-many-requests]"}'
NO_LOGIN = '{"status":"error","message":"You must be logged in to do this."}'


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
            await asyncio.sleep(0.02)


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
            async with asyncio.timeout(FAULT_DEADLINE_S):
                async with self.inject(scene):
                    while missing - {"log"}:
                        missing -= await self._look(scene, before)
                        await asyncio.sleep(0.02)
                while missing or not await _is_ready(scene):
                    missing -= {"log"} if self.log in scene.events else set()
                    await asyncio.sleep(0.02)
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


AWAY, DEAF = "the workspace is away", "the connection breaks"
FAULTS = (
    *(
        Fault(
            f"outage: {kind.value}",
            partial(outage, kind=kind),
            AWAY,
            "realtime_up",
            "not listening",
            503,
            is_shown=is_zero,
        )
        for kind in Outage
    ),
    Fault("websocket dropped", dropped, DEAF, "realtime_disconnects_total", "not listening", 503),
    *(
        Fault(
            f"websocket closed with {code}",
            partial(closed, code=code),
            DEAF,
            "realtime_disconnects_total",
            "not listening",
            503,
        )
        for code in (1001, 1011, 4000)
    ),
    Fault(
        "websocket half-open",
        half_open,
        "the connection is silent",
        "realtime_silence_seconds",
        "not listening",
        503,
        is_shown=partial(is_over, 0.5),
    ),
    *(
        Fault(
            f"REST answered {status}",
            partial(bad_answers, status=status),
            "the workspace fails",
            "rest_responses_total",
            "an answer waits for the workspace",
            labels={"status": "5xx"},
        )
        for status in (500, 502, 503)
    ),
    Fault(
        "REST answered 200 html",
        partial(bad_answers, status=200, times=1),
        "something else answers",
        "rest_responses_total",
        "an answer waits for the workspace",
        labels={"status": "foreign"},
    ),
    Fault(
        "REST answered 200 json",
        partial(
            bad_answers, status=200, body='{"success":tr', content_type="application/json", times=1
        ),
        "something else answers",
        "rest_responses_total",
        "an answer waits for the workspace",
        labels={"status": "foreign"},
    ),
    Fault(
        "REST answered 429 json",
        partial(
            bad_answers,
            status=429,
            body=TOO_MANY,
            content_type="application/json",
            route="sessions/list",
            question="!sessions",
            times=1,
        ),
        "the rate limit",
        "rest_responses_total",
        "the workspace asked to wait",
        labels={"status": "429"},
    ),
    Fault(
        "REST answered 401 once",
        partial(
            bad_answers,
            status=401,
            body=NO_LOGIN,
            content_type="application/json",
            route="sessions/list",
            question="!sessions page 2",
            times=1,
        ),
        "one call is refused",
        "rest_responses_total",
        "a command was refused",
        labels={"status": "4xx"},
    ),
    Fault(
        "REST answer lost",
        lost_answers,
        "answers are lost",
        "rest_responses_total",
        "a call was not answered",
        labels={"status": "none"},
    ),
    Fault(
        "REST answer slow",
        partial(late_answers, seconds=0.5),
        "the workspace is slow",
        "rest_request_seconds_sum",
        "the workspace is slow",
    ),
    Fault(
        "REST answer hanging",
        partial(late_answers, seconds=60.0),
        "answers are lost",
        "rest_responses_total",
        "a call was not answered",
        labels={"status": "none"},
    ),
    Fault(
        "messages delivered twice",
        repeated_messages,
        "messages come again",
        "messages_repeated_total",
        "a message came again",
    ),
    Fault(
        "message sent again",
        message_sent_again,
        "messages come again",
        "messages_repeated_total",
        "a message came again",
    ),
    Fault(
        "messages lost, then websocket dropped",
        lost_messages,
        "messages were lost",
        "messages_caught_up_total",
        "caught up",
    ),
    Fault(
        "database locked",
        locked_database,
        "the database fails",
        "storage_up",
        "the database fails; nothing is lost meanwhile",
        503,
        is_shown=is_zero,
    ),
    Fault(
        "killed",
        killed_before_its_answer,
        "a process was killed",
        "messages_taken_over_total",
        "took over unfinished work",
    ),
    Fault(
        "flood",
        flood,
        "somebody writes too fast",
        "messages_too_fast_total",
        "a person writes too fast",
        labels={"scope": "person"},
    ),
    Fault(
        "idle sockets",
        idle_sockets,
        "too many connections",
        "web_connections_closed_total",
        "too many connections; idle ones are closed",
    ),
    Fault(
        "clock that jumps",
        jumping_clock,
        "the clock is wrong",
        "clock_offset_seconds",
        "the clock was set back",
        is_shown=partial(is_over, 1e6),
    ),
)


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    open_logs("DEBUG", "json", stream)
    yield stream
    structlog.reset_defaults()


async def test_each_fault_shows_as_metric_log_line_and_readiness(
    tmp_path: Path, logged: io.StringIO
) -> None:
    overrides = replace(
        QUICKLY,
        backoff=Backoff(first_pause_s=0.02, max_pause_s=0.1),
        realtime=WATCHFUL,
        request_timeout_s=REQUEST_TIMEOUT_S,
    )
    pauses = Pauses()
    storage = StorageSettings(url=f"sqlite:///{tmp_path / 'bot.db'}?timeout=0.1")
    async with open_stage(tmp_path, bots=0, storage=storage) as stage:
        await stage.start_bot(replace(overrides, now=stage.clock.now, sleep=pauses.sleep))
        alice = stage.invite("alice")
        await alice.connect()
        scene = Scene(stage, alice, logged, pauses, tmp_path)
        failed: dict[str, set[str]] = {}
        for fault in FAULTS:
            if missing := await fault.find_missing(scene):
                failed[fault.name] = missing
    assert not failed


def test_the_page_names_each_fault_with_what_shows(pytestconfig: pytest.Config) -> None:
    page = (pytestconfig.rootpath / "docs" / "troubleshooting.md").read_text()
    rows = re.findall(r"^\| \*\*(.+?)\*\*.*?\| (.+?) \| (.+?) \| (.+?) \|", page, re.MULTILINE)
    found = {cause: (metrics, log, readyz) for cause, metrics, log, readyz in rows}
    for fault in FAULTS:
        metrics, log, readyz = found[fault.cause]
        assert f"`{fault.metric.removesuffix('_sum')}" in metrics, fault
        assert f"`{fault.log}`" in log, fault
        assert str(fault.readyz) in readyz, fault


def test_every_metric_and_log_line_on_the_page_exists(pytestconfig: pytest.Config) -> None:
    root = pytestconfig.rootpath
    page = (root / "docs" / "troubleshooting.md").read_text()
    code = "\n".join(each.read_text() for each in (root / "bot").rglob("*.py"))
    rows = re.findall(r"^\| \*\*.+?\*\*.*?\| (.+?) \| (.+?) \| .+? \|", page, re.MULTILINE)
    metrics = {name for column, _ in rows for name in re.findall(r"`([a-z_]+)", column)}
    events = {event for _, column in rows for event in re.findall(r"`([^`]+)`", column)}
    assert len(metrics) > 10
    assert len(events) > 10
    assert not [each for each in metrics if f'"{each.removesuffix("_total")}"' not in code]
    assert not [each for each in events if f'"{each}"' not in code]
