"""The bot's report about itself: into the operator's room, by the clock, once."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from structlog.testing import capture_logs

from bot.config import ReportSettings
from bot.demo.demo import format_as_text
from bot.features.reports.schedule_rules import SPREAD
from rocketchat_simulator import Room
from tests.support.clock_stage import DEADLINE, House, open_alice, open_house

BERLIN = ZoneInfo("Europe/Berlin")
NOON = datetime(2027, 1, 15, 12, 0, tzinfo=BERLIN)
NINE = datetime(2027, 1, 16, 9, 0, tzinfo=BERLIN)
DAY = timedelta(days=1)
CANNOT = "the operator's report cannot be sent"


@pytest.fixture
def database(request: pytest.FixtureRequest) -> str:
    """The address of a database on a server; nothing for a file."""
    is_on_server = getattr(request, "param", "file") == "server"
    return str(request.getfixturevalue("postgres_url")) if is_on_server else ""


@pytest.fixture
async def house(database: str, tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(tmp_path, NOON, database) as opened:
        await opened.stop_bots()
        wish_for(opened, "#ops")
        yield opened


def wish_for(house: House, room: str) -> None:
    report = ReportSettings(room=room, schedule="daily 9", timezone="Europe/Berlin")
    house.settings = house.settings.model_copy(update={"report": report})


def open_ops(house: House) -> Room:
    return house.simulator.workspace.make_channel("ops", [house.people.bot], is_private=True)


def read(house: House, room: Room) -> list[str]:
    messages = house.simulator.workspace.messages.of(room)
    return [format_as_text(each) for each in messages if "t" not in each]


async def wait_for_reports(house: House, room: Room, count: int) -> list[str]:
    async with asyncio.timeout(DEADLINE):
        while len(read(house, room)) < count:  # noqa: ASYNC110 - the room tells nobody
            await asyncio.sleep(0.01)
    return read(house, room)


@pytest.mark.parametrize("database", ["file", "server"], indirect=True)
async def test_it_comes_once_from_however_many_processes_with_the_sums_of_all(
    house: House,
) -> None:
    ops = open_ops(house)
    for _ in range(2):
        await house.start_bot()
    async with open_alice(house) as alice:
        await alice.ask("!timezone Europe/Berlin")
        await alice.ask("!xyzzy")
        await alice.ask("!report daily 8")
        await house.clock.pass_to(NINE - timedelta(hours=1) + SPREAD)
        assert (await alice.hear(DEADLINE)).startswith("Your report")
        # Each process enters what it has counted once a minute.
        await house.clock.pass_to(NINE - timedelta(seconds=1))
        await house.clock.pass_to(NINE + SPREAD)
        [report] = await wait_for_reports(house, ops, 1)
        await house.clock.pass_to(NINE + SPREAD + timedelta(hours=1))
        assert read(house, ops) == [report]
    assert report.startswith("All is well: 4 commands since Fri 15 Jan 2027, 12:00")
    assert "The next one comes Sun 17 Jan 2027, 09:00." in report
    assert "Commands: 3 answered, 1 not understood or not possible" in report
    assert "Answered: half within " in report
    assert "Connected: 1 person" in report
    assert "Reports: 1 on time" in report
    assert "started 3 times" in report
    assert "Rocket.Chat 8.3" in report


async def test_the_next_one_counts_from_the_last_over_a_restart(house: House) -> None:
    ops = open_ops(house)
    await house.start_bot()
    async with open_alice(house) as alice:
        await house.clock.pass_to(NINE + SPREAD)
        await wait_for_reports(house, ops, 1)
        await alice.ask("!whoami")
        await house.stop_bots()
        await house.start_bot()
        await house.clock.pass_to(NINE + DAY + SPREAD)
        second = (await wait_for_reports(house, ops, 2))[1]
    assert second.startswith("All is well: 1 command since Sat 16 Jan 2027, 09:0")
    assert "started once" in second
    assert "Reports: none were due" in second


async def test_a_failure_is_in_the_first_line(house: House) -> None:
    ops = open_ops(house)
    await house.start_bot()
    async with open_alice(house) as alice:
        house.simulator.faults.fail_next("sessions/list", status=500, times=3)
        await alice.ask("!sessions")
        await house.clock.pass_to(NINE + SPREAD)
        [report] = await wait_for_reports(house, ops, 1)
    assert report.startswith("1 failed: 2 commands since")


async def test_a_room_that_the_bot_is_not_in_is_tried_again_until_it_is(house: House) -> None:
    workspace = house.simulator.workspace
    ops = workspace.make_channel("ops", [house.alice])
    with capture_logs() as logged:
        await house.start_bot()
        await house.clock.pass_to(NINE + SPREAD)
        async with asyncio.timeout(DEADLINE):
            while not any(each["event"] == CANNOT for each in logged):  # noqa: ASYNC110 - a log has no event
                await asyncio.sleep(0.02)
    [warning] = [each for each in logged if each["event"] == CANNOT]
    assert warning["problem"] == "[report] room: the bot is not in #ops; invite it there"
    await house.clock.pass_to(NINE + SPREAD + timedelta(minutes=1))
    assert read(house, ops) == []
    workspace.invite(house.alice, house.people.bot, ops)
    await house.clock.pass_to(NINE + timedelta(hours=2))
    await wait_for_reports(house, ops, 1)


async def test_without_a_room_there_is_none_any_more(house: House) -> None:
    ops = open_ops(house)
    await house.start_bot()
    await house.clock.pass_to(NINE + SPREAD)
    await wait_for_reports(house, ops, 1)
    await house.stop_bots()
    wish_for(house, "")
    await house.start_bot()
    await house.clock.pass_to(NINE + DAY + SPREAD)
    await house.clock.pass_to(NINE + 2 * DAY)
    assert len(read(house, ops)) == 1
