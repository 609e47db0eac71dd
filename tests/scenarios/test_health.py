"""What /healthz and /readyz return in each kind of trouble, asked over HTTP."""

import asyncio
import resource
import socket
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    suppress,
)
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import aiohttp
import pytest

from bot.config import StorageSettings, WebSettings
from bot.errors import ProtocolError
from bot.rocketchat.realtime import RealtimeSettings
from bot.web.server import open_socket
from rocketchat_simulator import Outage
from tests.support.deadlines import DEADLINE_S
from tests.support.programs import run_program, write_config
from tests.support.stage import QUICKLY, RunningBot, Stage, open_stage
from tests.support.storage_faults import choose_port

# A connection that is silent for half a second is given up after two more, in which a busy machine
# answers a ping.
WATCHFUL = RealtimeSettings(ping_after_s=0.5, pong_timeout_s=2.0, call_timeout_s=2.0)


@dataclass
class Scene:
    """A bot at work, and a database that can be locked."""

    stage: Stage
    running: RunningBot
    other: sqlite3.Connection

    async def ask(self) -> tuple[int, int]:
        """Return the status of /healthz and of /readyz."""
        base = self.running.bot.public_url
        async with aiohttp.ClientSession() as http:
            async with http.get(f"{base}/healthz") as health:
                assert await health.json() == {"alive": health.status == 200}
            async with http.get(f"{base}/readyz") as readiness:
                assert await readiness.json() == {"ready": readiness.status == 200}
        return health.status, readiness.status

    async def wait_for(self, healthz: int, readyz: int) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while await self.ask() != (healthz, readyz):  # noqa: ASYNC110 - as a monitor does
                await asyncio.sleep(0.02)

    async def expect(self, healthz: int, readyz: int) -> None:
        """Wait for these, and see that they stay so."""
        await self.wait_for(healthz, readyz)
        for _ in range(10):
            await asyncio.sleep(0.02)
            assert await self.ask() == (healthz, readyz)


@asynccontextmanager
async def half_open_link(scene: Scene) -> AsyncIterator[None]:
    async with scene.stage.simulator.outage(Outage.SILENT):
        yield


@asynccontextmanager
async def workspace_unavailable(scene: Scene) -> AsyncIterator[None]:
    async with scene.stage.simulator.outage(Outage.UNAVAILABLE):
        yield


@asynccontextmanager
async def workspace_refusing(scene: Scene) -> AsyncIterator[None]:
    async with scene.stage.simulator.outage(Outage.REFUSED):
        yield


@asynccontextmanager
async def workspace_resetting(scene: Scene) -> AsyncIterator[None]:
    async with scene.stage.simulator.outage(Outage.RESET):
        yield


@asynccontextmanager
async def locked_database(scene: Scene) -> AsyncIterator[None]:
    scene.other.execute("BEGIN IMMEDIATE")
    yield
    scene.other.execute("ROLLBACK")


Fault = Callable[[Scene], AbstractAsyncContextManager[None]]


@pytest.mark.parametrize(
    ("fault", "lock_timeout", "healthz", "readyz"),
    [
        (half_open_link, 0.1, 200, 503),
        (workspace_unavailable, 0.1, 200, 503),
        (workspace_refusing, 0.1, 200, 503),
        (workspace_resetting, 0.1, 200, 503),
        (locked_database, 0.1, 200, 503),
        # A database that hangs: a restart would not help, so the bot is alive.
        (locked_database, 600, 200, 503),
    ],
)
async def test_health_and_readiness_are_true_to_fact(
    tmp_path: Path, fault: Fault, lock_timeout: float, healthz: int, readyz: int
) -> None:
    async with open_scene(tmp_path, lock_timeout) as scene:
        await scene.expect(200, 200)
        async with fault(scene):
            await scene.expect(healthz, readyz)
        await scene.expect(200, 200)


async def test_a_bot_that_starts_is_alive_and_not_ready(tmp_path: Path) -> None:
    with open_socket("127.0.0.1", 0) as free:
        port = free.getsockname()[1]
    web = WebSettings(public_url=f"http://127.0.0.1:{port}", port=port)
    async with open_stage(tmp_path, bots=0) as stage, asyncio.TaskGroup() as tasks:
        async with stage.simulator.outage(Outage.UNAVAILABLE):
            starting = tasks.create_task(stage.start_bot(web=web))
            await asyncio.sleep(0)
            statuses = [
                await fetch_status(port, page) for page in ("healthz", "readyz", "connect/x")
            ]
            assert statuses == [200, 503, 503]
            assert not starting.done()
        await starting
        assert await fetch_status(port, "readyz") == 200


async def test_a_start_outlasts_a_gateway_that_answers_in_the_workspaces_place(
    tmp_path: Path,
) -> None:
    async with open_stage(tmp_path, bots=0) as stage:
        fail_next = partial(stage.simulator.faults.fail_next, "/api/v1/me", status=404)
        fail_next(body="<html>no backend</html>", times=2)
        await stage.start_bot()
        fail_next(body="<html>no backend</html>", times=1000)
        with pytest.raises(ProtocolError, match="is no answer of"):
            await stage.start_bot(replace(stage.overrides, start_timeout_s=0.2))


async def fetch_status(port: int, page: str) -> int:
    """Return the status of a page; wait until anything listens."""
    async with aiohttp.ClientSession() as http, asyncio.timeout(DEADLINE_S):
        while True:
            with suppress(aiohttp.ClientConnectorError):
                async with http.get(f"http://127.0.0.1:{port}/{page}") as response:
                    return response.status
            await asyncio.sleep(0.01)


async def test_a_bot_that_is_stopping_is_alive_but_not_ready(tmp_path: Path) -> None:
    async with open_scene(tmp_path, 10) as scene:
        alice = scene.stage.invite("alice")
        is_seen = asyncio.Event()
        scene.stage.simulator.faults.hold_answer("chat.sendMessage", is_seen)
        alice.ask("one")
        await scene.stage.wait_for_calls("rooms.info")
        scene.running.task.cancel()
        await scene.expect(200, 503)
        assert not scene.running.task.done()
        is_seen.set()
        async with asyncio.timeout(DEADLINE_S):
            await asyncio.wait([scene.running.task])
        assert alice.answered == ["one"]


@asynccontextmanager
async def open_scene(folder: Path, lock_timeout: float) -> AsyncIterator[Scene]:
    url = f"sqlite:///{folder / 'bot.db'}?timeout={lock_timeout}"
    overrides = replace(QUICKLY, realtime=WATCHFUL)
    async with (
        open_stage(folder, bots=0) as stage,
        stage.run_bot(overrides, storage=StorageSettings(url=url)) as running,
    ):
        other = sqlite3.connect(folder / "bot.db", isolation_level=None, timeout=DEADLINE_S)
        try:
            yield Scene(stage, running, other)
        finally:
            other.close()


async def test_a_thousand_connections_at_once_leave_the_bot_the_files_it_needs(
    tmp_path: Path,
) -> None:
    async with open_stage(tmp_path, bots=0) as stage, AsyncExitStack() as connections:
        settings = choose_port(stage.settings)
        config = write_config(tmp_path / "config.toml", settings)
        port, loop = settings.web.port, asyncio.get_running_loop()
        async with run_program(config) as program:
            # As many as a process may usually open.
            _, hard = resource.prlimit(program.process.pid, resource.RLIMIT_NOFILE)
            resource.prlimit(program.process.pid, resource.RLIMIT_NOFILE, (1024, hard))
            clients = [connections.enter_context(socket.socket()) for _ in range(1050)]
            for client in clients:
                client.settimeout(0)
            connecting = (loop.sock_connect(each, ("127.0.0.1", port)) for each in clients)
            async with asyncio.timeout(DEADLINE_S):
                await asyncio.gather(*connecting)
            for _ in range(10):
                assert await fetch_status(port, "healthz") == 200
            assert not [line for line in program.log if "out of system resource" in line]
