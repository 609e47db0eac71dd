"""Scheduled work shared by processes: with a worker process, and a server that stops."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest

from bot.admin.migrate import migrate
from bot.app import open_worker
from bot.config import Settings
from bot.lifecycle import Worker
from bot.scheduler.scheduler import TICK_S
from rocketchat_simulator.demo.devices import CHROME_WINDOWS
from tests.support.postgres import open_empty_database, open_server
from tests.support.programs import run_to_its_end, write_config
from tests.support.stage import Stage, make_settings, open_stage

EVENING = datetime(2027, 1, 15, 18, 0, tzinfo=UTC)
NINE = datetime(2027, 1, 16, 9, 0, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
async def stage(tmp_path: Path, postgres_url: str) -> AsyncIterator[Stage]:
    async with open_stage(tmp_path, start=EVENING, storage_url=postgres_url) as opened:
        yield opened


@asynccontextmanager
async def open_help(stage: Stage) -> AsyncIterator[Worker]:
    async with open_worker(stage.settings, stage.overrides) as worker:
        working = asyncio.create_task(worker.run())
        try:
            yield worker
        finally:
            working.cancel()
            await asyncio.wait([working])


def make_file_settings(stage: Stage) -> Settings:
    """Return settings for the same workspace with a database file."""
    return make_settings(stage.simulator.url, stage.people, stage.folder)


async def test_a_worker_makes_reports_while_nobody_listens(stage: Stage) -> None:
    alice = await stage.meet_connected("alice")
    await alice.ask("!report daily 9")
    await stage.stop_bots()
    async with open_help(stage) as worker, aiohttp.ClientSession() as browser:
        assert "Your report" in await alice.hear_at(NINE)
        async with browser.get(f"{worker.public_url}/healthz") as answer:
            assert await answer.json() == {"alive": True}
        async with browser.get(f"{worker.public_url}/connect/x") as answer:
            assert answer.status == 404
    await stage.start_bot()
    assert "Your report" in await alice.hear_at(NINE + DAY)
    assert stage.count_said("Your report") == 2


async def test_however_many_work_a_person_is_looked_after_once_in_each_interval(
    stage: Stage,
) -> None:
    workspace = stage.simulator.workspace
    alice = await stage.meet_connected("alice")
    async with open_help(stage), open_help(stage):
        await alice.ask("!alerts on")
        looks = stage.count_calls("sessions/list")
        for number in range(1, 4):
            token = workspace.make_login_token(stage.people.alice)
            ip = f"198.18.{number}.1"
            workspace.open_session(stage.people.alice, token=token, device=CHROME_WINDOWS, ip=ip)
            await stage.clock.pass_to(stage.clock.now() + timedelta(minutes=5))
            assert ip in await alice.hear()
            assert stage.count_calls("sessions/list") == looks + number
        assert stage.count_said("New device") == 3


async def test_a_server_that_stops_and_comes_back_ends_nothing(tmp_path: Path) -> None:
    with open_server() as server, open_empty_database(server.url) as url:
        async with open_stage(tmp_path, start=EVENING, storage_url=url) as stage:
            alice = await stage.meet_connected("alice")
            await alice.ask("!report daily 9")
            await asyncio.to_thread(server.stop)
            stage.clock.move_to(NINE)
            await asyncio.to_thread(server.start)
            report = asyncio.create_task(alice.hear())
            while not report.done():
                # The queue reconnects in real time; the next tick then finds the run.
                stage.clock.move_to(stage.clock.now() + timedelta(seconds=TICK_S))
                await asyncio.wait([report], timeout=0.5)
            assert "Your report" in await report
            assert stage.count_said("Your report") == 1


async def test_the_tables_can_be_made_before_anything_runs(stage: Stage, tmp_path: Path) -> None:
    told = [line async for line in migrate(stage.settings)]
    assert told[0].startswith("Tables of the bot: up to date, at ")
    assert told[1] == "Tables of the jobs: up to date"
    config = write_config(tmp_path / "config.toml", make_file_settings(stage))
    status, output, errors = await run_to_its_end("migrate", "--config", str(config))
    assert (status, errors.count("\n")) == (0, 1)
    assert errors.startswith(f"session-bot: configuration {config}, database ")
    assert output.startswith("Tables of the bot: made, at ")
    assert "Tables of the jobs: none, only PostgreSQL has them" in output


async def test_a_file_is_not_for_several_to_work_on(stage: Stage, tmp_path: Path) -> None:
    config = write_config(tmp_path / "config.toml", make_file_settings(stage))
    status, _, errors = await run_to_its_end("work", "--config", str(config))
    assert status == 2
    assert "several processes can share the work on PostgreSQL only" in errors
