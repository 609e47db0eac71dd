"""The status report: sent once to the operator's room on schedule."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from structlog.testing import capture_logs

from bot.config import StatusReportSettings
from bot.demo.demo import format_as_text
from bot.features.reports.schedule_rules import SPREAD
from rocketchat_simulator import Room
from tests.support.deadlines import DEADLINE_S
from tests.support.stage import Stage, open_stage

BERLIN = ZoneInfo("Europe/Berlin")
NOON = datetime(2027, 1, 15, 12, 0, tzinfo=BERLIN)
NINE = datetime(2027, 1, 16, 9, 0, tzinfo=BERLIN)
DAY = timedelta(days=1)
CANNOT = "the operator's report cannot be sent"


@pytest.fixture
def database(request: pytest.FixtureRequest) -> str:
    """Return the address of a database on a server; empty for a file."""
    is_on_server = getattr(request, "param", "file") == "server"
    return str(request.getfixturevalue("postgres_url")) if is_on_server else ""


@pytest.fixture
async def stage(database: str, tmp_path: Path) -> AsyncIterator[Stage]:
    async with open_stage(tmp_path, start=NOON, storage_url=database) as opened:
        await opened.stop_bots()
        send_reports_to(opened, "#ops")
        yield opened


def send_reports_to(stage: Stage, room: str) -> None:
    report = StatusReportSettings(room=room, schedule="daily 9", timezone="Europe/Berlin")
    stage.settings = stage.settings.model_copy(update={"status_report": report})


def open_ops(stage: Stage) -> Room:
    return stage.simulator.workspace.make_channel("ops", [stage.people.bot], is_private=True)


def read(stage: Stage, room: Room) -> list[str]:
    messages = stage.simulator.workspace.messages.of(room)
    return [format_as_text(each) for each in messages if "t" not in each]


async def wait_for_reports(stage: Stage, room: Room, count: int) -> list[str]:
    async with asyncio.timeout(DEADLINE_S):
        while len(read(stage, room)) < count:  # noqa: ASYNC110 - the room tells nobody
            await asyncio.sleep(0.01)
    return read(stage, room)


@pytest.mark.parametrize("database", ["file", "server"], indirect=True)
async def test_it_comes_once_from_however_many_processes_with_the_sums_of_all(
    stage: Stage,
) -> None:
    ops = open_ops(stage)
    for _ in range(2):
        await stage.start_bot()
    alice = await stage.meet_connected("alice")
    await alice.ask("!timezone Europe/Berlin")
    await alice.ask("!xyzzy")
    await alice.ask("!report daily 8")
    await stage.clock.pass_to(NINE - timedelta(hours=1) + SPREAD)
    assert (await alice.hear()).startswith("Your report")
    # Each process saves its counters once a minute.
    await stage.clock.pass_to(NINE - timedelta(seconds=1))
    await stage.clock.pass_to(NINE + SPREAD)
    [report] = await wait_for_reports(stage, ops, 1)
    await stage.clock.pass_to(NINE + SPREAD + timedelta(hours=1))
    assert read(stage, ops) == [report]
    assert report.startswith("All is well: 4 commands since Fri 15 Jan 2027, 12:00")
    assert "The next one comes Sun 17 Jan 2027, 09:00." in report
    assert "Commands: 3 answered, 1 not understood or not possible" in report
    assert "Answered: half within " in report
    assert "Connected: 1 person" in report
    assert "Reports: 1 on time" in report
    assert "started 3 times" in report
    assert "Rocket.Chat 8.3" in report


async def test_the_next_one_counts_from_the_last_over_a_restart(stage: Stage) -> None:
    ops = open_ops(stage)
    await stage.start_bot()
    alice = await stage.meet_connected("alice")
    await stage.clock.pass_to(NINE + SPREAD)
    await wait_for_reports(stage, ops, 1)
    await alice.ask("!whoami")
    await stage.stop_bots()
    await stage.start_bot()
    await stage.clock.pass_to(NINE + DAY + SPREAD)
    second = (await wait_for_reports(stage, ops, 2))[1]
    assert second.startswith("All is well: 1 command since Sat 16 Jan 2027, 09:0")
    assert "started once" in second
    assert "Reports: none were due" in second


async def test_a_failure_is_in_the_first_line(stage: Stage) -> None:
    ops = open_ops(stage)
    await stage.start_bot()
    alice = await stage.meet_connected("alice")
    stage.simulator.faults.fail_next("sessions/list", status=500, times=3)
    await alice.ask("!sessions")
    await stage.clock.pass_to(NINE + SPREAD)
    [report] = await wait_for_reports(stage, ops, 1)
    assert report.startswith("1 failed: 2 commands since")


async def test_a_room_that_the_bot_is_not_in_is_tried_again_until_it_is(stage: Stage) -> None:
    workspace = stage.simulator.workspace
    ops = workspace.make_channel("ops", [stage.people.alice])
    with capture_logs() as logged:
        await stage.start_bot()
        await stage.clock.pass_to(NINE + SPREAD)
        async with asyncio.timeout(DEADLINE_S):
            while not any(each["event"] == CANNOT for each in logged):  # noqa: ASYNC110 - a log has no event
                await asyncio.sleep(0.02)
    [warning] = [each for each in logged if each["event"] == CANNOT]
    assert warning["problem"] == "[status_report] room: the bot is not in #ops; invite it there"
    await stage.clock.pass_to(NINE + SPREAD + timedelta(minutes=1))
    assert read(stage, ops) == []
    workspace.invite(stage.people.alice, stage.people.bot, ops)
    await stage.clock.pass_to(NINE + timedelta(hours=2))
    await wait_for_reports(stage, ops, 1)


async def test_without_a_room_there_is_none_any_more(stage: Stage) -> None:
    ops = open_ops(stage)
    await stage.start_bot()
    await stage.clock.pass_to(NINE + SPREAD)
    await wait_for_reports(stage, ops, 1)
    await stage.stop_bots()
    send_reports_to(stage, "")
    await stage.start_bot()
    await stage.clock.pass_to(NINE + DAY + SPREAD)
    await stage.clock.pass_to(NINE + 2 * DAY)
    assert len(read(stage, ops)) == 1
