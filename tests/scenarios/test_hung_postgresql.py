"""A PostgreSQL server that takes connections and answers nothing, as a failing disk makes it."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from bot.config import StorageSettings, VaultSettings
from bot.errors import StorageError
from bot.scheduler.shared.job_queue import JobQueue, open_queue
from bot.storage.database import DATABASE_TIMEOUT_S
from tests.support.deadlines import DEADLINE_S, SLOWNESS
from tests.support.postgres import (
    PostgresServer,
    open_empty_database,
    open_server,
    run_alone,
)
from tests.support.programs import Program, run_program, start_program, write_config
from tests.support.stage import KEY, QUICKLY, Stage, open_stage
from tests.support.storage_faults import choose_port

END_CONNECTIONS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
)
STOPS_WITHIN_S = 14.0 + SLOWNESS  # container engines are told 15 s, systemd 20 s


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with open_server() as running:
        yield running


@pytest.fixture
async def stage(server: PostgresServer, tmp_path: Path) -> AsyncIterator[Stage]:
    with open_empty_database(server.url) as url:
        async with open_stage(tmp_path, bots=0) as stage:
            stage.settings = stage.settings.model_copy(
                update={
                    "storage": StorageSettings(url=url),
                    "vault": VaultSettings(keys=(KEY,)),
                }
            )
            stage.settings = choose_port(stage.settings)
            yield stage


async def fetch(stage: Stage, page: str) -> tuple[int, str]:
    """Return the status and the text of a page, which does not wait for the database."""
    url = f"http://127.0.0.1:{stage.settings.web.port}/{page}"
    async with (
        asyncio.timeout(DATABASE_TIMEOUT_S / 2),
        aiohttp.ClientSession() as http,
        http.get(url) as response,
    ):
        return response.status, await response.text()


async def wait_for(stage: Stage, page: str, status: int) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while (await fetch(stage, page))[0] != status:  # noqa: ASYNC110 - as a monitor does
            await asyncio.sleep(0.1)


async def is_storage_down(stage: Stage) -> bool:
    _, text = await fetch(stage, "metrics")
    return re.search("^session_bot_storage_up 0", text, re.MULTILINE) is not None


async def stop(program: Program) -> float:
    """Return how many seconds it took to stop."""
    began_at = time.monotonic()
    await program.stop()
    return time.monotonic() - began_at


async def test_a_bot_stays_alive_says_so_and_stops_in_time(
    server: PostgresServer, stage: Stage, tmp_path: Path
) -> None:
    config = write_config(tmp_path / "config.toml", stage.settings)
    async with run_program(config) as program:
        await wait_for(stage, "readyz", 200)
        with server.hang():
            await wait_for(stage, "readyz", 503)
            assert (await fetch(stage, "healthz"))[0] == 200
            assert re.search(
                "^session_bot_storage_up 0", (await fetch(stage, "metrics"))[1], re.MULTILINE
            )
            assert "database fails" in await program.wait_for_log("the database fails")
            assert await stop(program) < STOPS_WITHIN_S


async def test_a_bot_goes_on_when_the_server_does(
    server: PostgresServer, stage: Stage, tmp_path: Path
) -> None:
    config = write_config(tmp_path / "config.toml", stage.settings)
    async with run_program(config):
        with server.hang():
            await wait_for(stage, "readyz", 503)
        await wait_for(stage, "readyz", 200)


async def test_a_start_is_alive_and_can_be_stopped(
    server: PostgresServer, stage: Stage, tmp_path: Path
) -> None:
    config = write_config(tmp_path / "config.toml", stage.settings)
    with server.hang():
        async with start_program("run", "--config", str(config)) as program:
            async with asyncio.timeout(DEADLINE_S):
                while True:
                    try:
                        assert (await fetch(stage, "healthz"))[0] == 200
                        break
                    except aiohttp.ClientConnectorError:
                        await asyncio.sleep(0.1)
            assert (await fetch(stage, "readyz"))[0] == 503
            assert await stop(program) < STOPS_WITHIN_S


async def test_a_worker_stays_alive_and_says_so(
    server: PostgresServer, stage: Stage, tmp_path: Path
) -> None:
    config = write_config(tmp_path / "config.toml", stage.settings)
    async with start_program("work", "--config", str(config)) as program:
        await program.wait_for_log("working")
        await wait_for(stage, "readyz", 200)
        with server.hang():
            await wait_for(stage, "readyz", 503)
            assert (await fetch(stage, "healthz"))[0] == 200
            assert await is_storage_down(stage)
        await wait_for(stage, "readyz", 200)
        assert await stop(program) < STOPS_WITHIN_S


async def test_the_queue_of_jobs_does_not_wait_without_end(
    server: PostgresServer, stage: Stage
) -> None:
    async with stage.run_bot():
        pass  # makes the tables
    async with open_queue(stage.settings.storage.url, call_timeout_s=1.5) as queue:
        await add_in_the_end(queue, 1)
        with server.hang():
            async with asyncio.timeout(DEADLINE_S):
                with pytest.raises(StorageError, match=r"within 1.5 seconds"):
                    await queue.add_tick(2)
        await add_in_the_end(queue, 3)


async def add_in_the_end(queue: JobQueue, number: int) -> None:
    """Add it, however often a busy machine needs more than the time limit for it."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            with suppress(StorageError):
                await queue.add_tick(number)
                return


async def test_a_start_waits_for_a_server_that_is_away(
    server: PostgresServer, stage: Stage, tmp_path: Path
) -> None:
    config = write_config(tmp_path / "config.toml", stage.settings)
    server.stop()
    try:
        async with start_program("run", "--config", str(config)) as program:
            assert "no server answers" in await program.wait_for_log("cannot start yet")
            assert (await fetch(stage, "healthz"))[0] == 200
            server.start()
            await program.wait_until_listening()
            assert await program.stop() == 0
    finally:
        server.start()


async def test_a_start_that_is_cut_off_from_its_database_tries_again(
    server: PostgresServer, stage: Stage
) -> None:
    """End every connection for a second, wherever the start may be by then."""
    async with asyncio.TaskGroup() as tasks:
        starting = tasks.create_task(stage.start_bot())
        for _ in range(50):
            await asyncio.to_thread(run_alone, server.url, END_CONNECTIONS)
            await asyncio.sleep(0.02)
        await starting


async def test_a_start_gives_up_in_the_end(server: PostgresServer, stage: Stage) -> None:
    server.stop()
    try:
        with pytest.raises(StorageError, match="no server answers"):
            await stage.start_bot(replace(QUICKLY, start_timeout_s=0.5))
    finally:
        server.start()
