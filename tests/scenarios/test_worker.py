"""Work by the clock shared by processes: with a worker that only works, and a server that stops."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest

from bot.admin.accounts_and_keys import migrate
from bot.app import AppOverrides, open_worker
from bot.lifecycle import Worker
from bot.scheduler.scheduler import TICK_S
from rocketchat_simulator.demo.devices import CHROME_WINDOWS
from tests.scenarios.test_two_processes import run_to_its_end, write_config
from tests.support.clock_stage import House, open_alice, open_house
from tests.support.postgres import open_empty_database, open_server
from tests.support.stage import QUICK, stop

EVENING = datetime(2027, 1, 15, 18, 0, tzinfo=UTC)
NINE = datetime(2027, 1, 16, 9, 0, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
async def house(tmp_path: Path, postgres_url: str) -> AsyncIterator[House]:
    async with open_house(tmp_path, EVENING, postgres_url) as opened:
        yield opened


@asynccontextmanager
async def open_help(house: House) -> AsyncIterator[Worker]:
    clock = house.clock
    surroundings = AppOverrides(clock.now, QUICK, sleep=clock.sleep)
    async with open_worker(house.settings, surroundings) as worker:
        working = asyncio.create_task(worker.run())
        try:
            yield worker
        finally:
            await stop(working)


async def test_a_worker_makes_reports_while_nobody_listens(house: House) -> None:
    async with open_alice(house) as alice:
        await alice.ask("!report daily 9")
        await house.stop_bots()
        async with open_help(house) as worker, aiohttp.ClientSession() as browser:
            assert "Your report" in await alice.hear_at(NINE)
            async with browser.get(f"{worker.public_url}/healthz") as answer:
                assert await answer.json() == {"alive": True}
            async with browser.get(f"{worker.public_url}/connect/x") as answer:
                assert answer.status == 404
        await house.start_bot()
        assert "Your report" in await alice.hear_at(NINE + DAY)
        assert house.count_said("Your report") == 2


async def test_however_many_work_a_person_is_looked_after_once_in_each_interval(
    house: House,
) -> None:
    workspace = house.simulator.workspace
    async with open_alice(house) as alice, open_help(house), open_help(house):
        await alice.ask("!alerts on")
        looks = house.count_looks()
        for number in range(1, 4):
            token = workspace.make_login_token(house.alice)
            ip = f"198.18.{number}.1"
            workspace.open_session(house.alice, token=token, device=CHROME_WINDOWS, ip=ip)
            await house.clock.pass_to(house.clock.now() + timedelta(minutes=5))
            assert ip in await alice.hear()
            assert house.count_looks() == looks + number
        assert house.count_said("New device") == 3


async def test_a_server_that_stops_and_comes_back_ends_nothing(tmp_path: Path) -> None:
    with open_server() as server, open_empty_database(server.url) as url:
        async with open_house(tmp_path, EVENING, url) as house, open_alice(house) as alice:
            await alice.ask("!report daily 9")
            await asyncio.to_thread(server.stop)
            house.clock.move_to(NINE)
            await asyncio.to_thread(server.start)
            report = asyncio.create_task(alice.hear(40))
            while not report.done():
                # The worker comes back by the server's time, and with it the next tick.
                house.clock.move_to(house.clock.now() + timedelta(seconds=TICK_S))
                await asyncio.wait([report], timeout=0.5)
            assert "Your report" in await report
            assert house.count_said("Your report") == 1


async def test_the_tables_can_be_made_before_anything_runs(house: House, tmp_path: Path) -> None:
    told = [line async for line in migrate(house.settings)]
    assert told[0].startswith("Tables of the bot: up to date, at ")
    assert told[1] == "Tables of the jobs: up to date"
    config = write_config(
        tmp_path, '[workspace]\nurl = "http://x"\nuser_id = "b"\nauth_token = "x"'
    )
    status, output, errors = await run_to_its_end("migrate", "--config", str(config))
    assert (status, errors) == (0, "")
    assert output.startswith("Tables of the bot: made, at ")
    assert "Tables of the jobs: none, only PostgreSQL has them" in output


async def test_a_file_is_not_for_several_to_work_on(house: House, tmp_path: Path) -> None:
    lines = (
        "[workspace]",
        f'url = "{house.simulator.url}"',
        f'user_id = "{house.people.bot.id}"',
        f'auth_token = "{house.people.bot_token}"',
    )
    config = write_config(tmp_path, "\n".join(lines))
    status, _, errors = await run_to_its_end("work", "--config", str(config))
    assert status == 2
    assert "several processes can share the work on PostgreSQL only" in errors
