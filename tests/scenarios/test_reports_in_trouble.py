"""Reports in trouble: late ones say so, none comes twice, none is lost silently."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from bot.features.reports.schedule_rules import SPREAD
from bot.scheduler.scheduler import TICK_S
from bot.scheduler.task_runner import LEASE
from bot.storage.database import open_database
from tests.support.deadlines import DEADLINE_S
from tests.support.people import Conversation
from tests.support.stage import Stage, open_stage
from tests.support.stored import load_outcomes

BERLIN = ZoneInfo("Europe/Berlin")
EVENING = datetime(2027, 1, 15, 18, 0, tzinfo=BERLIN)
NINE = datetime(2027, 1, 16, 9, 0, tzinfo=BERLIN)
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)


on_both = pytest.mark.parametrize("clockwork", ["embedded", "jobs"], indirect=True)


@pytest.fixture
def clockwork(request: pytest.FixtureRequest) -> str:
    """Return the address of a database whose jobs several processes share; empty for a file."""
    is_shared = getattr(request, "param", "embedded") == "jobs"
    return str(request.getfixturevalue("postgres_url")) if is_shared else ""


@pytest.fixture
async def stage(tmp_path: Path, clockwork: str) -> AsyncIterator[Stage]:
    async with open_stage(tmp_path, start=EVENING, storage_url=clockwork) as opened:
        yield opened


@pytest.fixture
async def alice(stage: Stage) -> Conversation:
    guest = await stage.meet_connected("alice")
    await guest.ask("!timezone Europe/Berlin")
    await guest.ask("!report daily 9")
    return guest


async def read_outcomes(stage: Stage) -> list[str]:
    async with open_database(stage.settings.storage.url) as database:
        outcomes = await load_outcomes(database, stage.people.alice.id)
    found = [outcomes[due_at] for due_at in sorted(outcomes)]
    return ["sent" if outcome in {"on_time", "late"} else outcome for outcome in found]


async def wait_for_outcomes(stage: Stage, expected: list[str]) -> None:
    """Wait until the runs have these outcomes: the scheduler works beside the test."""
    found: list[str] = []
    async with asyncio.timeout(DEADLINE_S):
        while found != expected:
            found = await read_outcomes(stage)


# Not running


@on_both
async def test_a_report_missed_a_while_ago_comes_late_and_says_so(
    stage: Stage, alice: Conversation
) -> None:
    await stage.stop_bots()
    stage.clock.move_to(NINE + 3 * HOUR)
    await stage.start_bot()
    report = await alice.hear()
    assert "This report is late: it was due Sat 16 Jan 2027, 09:00." in report
    assert "skipped" not in report
    assert "The next one comes Sun 17 Jan 2027, 09:00." in report
    assert "is late" not in await alice.hear_at(NINE + DAY)
    assert stage.count_said("Your report") == 2


async def test_of_several_missed_reports_one_comes_and_tells_of_the_others(
    stage: Stage, alice: Conversation
) -> None:
    await stage.stop_bots()
    stage.clock.move_to(NINE + 3 * DAY + HOUR)
    await stage.start_bot()
    report = await alice.hear()
    assert "This report is late: it was due Tue 19 Jan 2027, 09:00." in report
    assert "Before it, 3 reports were skipped" in report
    assert "skipped" not in await alice.hear_at(NINE + 4 * DAY)
    assert stage.count_said("Your report") == 2


@on_both
async def test_a_report_missed_long_ago_is_skipped_and_the_next_one_says_so(
    stage: Stage, alice: Conversation
) -> None:
    await stage.stop_bots()
    stage.clock.move_to(NINE + 7 * HOUR)
    await stage.start_bot()
    await wait_for_outcomes(stage, ["skipped"])
    report = await alice.hear_at(NINE + DAY)
    assert "is late" not in report
    assert "Before it, 1 report was skipped, because it could not be made in time." in report
    assert stage.count_said("Your report") == 1


async def test_a_skipped_report_without_changes_is_explained_to_nobody(
    stage: Stage, alice: Conversation
) -> None:
    await alice.ask("!report changes")
    await alice.hear_at(NINE)
    await wait_for_outcomes(stage, ["sent"])
    await stage.stop_bots()
    stage.clock.move_to(NINE + DAY + 7 * HOUR)
    await stage.start_bot()
    await wait_for_outcomes(stage, ["sent", "skipped"])
    await stage.clock.pass_to(NINE + 2 * DAY + SPREAD)
    await wait_for_outcomes(stage, ["sent", "skipped", "unchanged"])
    stage.sign_in()
    report = await alice.hear_at(NINE + 3 * DAY)
    assert "1 new device" in report
    assert "skipped" not in report


# Once


@on_both
async def test_two_bots_on_one_database_send_each_report_once(
    stage: Stage, alice: Conversation
) -> None:
    await stage.start_bot()
    for day in range(3):
        assert "Your report" in await alice.hear_at(NINE + day * DAY)
        # Else the clock would move before the end is recorded.
        await wait_for_outcomes(stage, ["sent"] * (day + 1))
    assert stage.count_said("Your report") == 3


@on_both
async def test_a_bot_that_ends_in_the_middle_leaves_the_report_to_the_next(
    stage: Stage, alice: Conversation
) -> None:
    stage.simulator.faults.delay_answer("sessions/list", 30)
    await stage.clock.pass_to(NINE + SPREAD)
    await wait_for_run(stage, "tries = 1")
    await stage.stop_bots()
    stage.simulator.faults.clear()
    assert await read_outcomes(stage) == [""]
    stage.clock.move_to(stage.clock.now() + timedelta(seconds=TICK_S))
    await stage.start_bot()
    assert "Your report" in await alice.hear()
    await wait_for_outcomes(stage, ["sent"])
    assert stage.count_said("Your report") == 1


async def test_a_report_whose_sending_was_in_doubt_stands_there_once(
    stage: Stage, alice: Conversation
) -> None:
    stage.simulator.faults.lose_answer("chat.sendMessage")
    assert "Your report" in await alice.hear_at(NINE)
    await wait_for_outcomes(stage, ["sent"])
    assert stage.count_said("Your report") == 1


@on_both
async def test_a_report_that_was_sent_but_not_noted_is_not_sent_again(
    stage: Stage, alice: Conversation
) -> None:
    assert "Your report" in await alice.hear_at(NINE)
    await wait_for_outcomes(stage, ["sent"])
    await die_before_the_end(stage)
    await stage.start_bot()
    await wait_for_outcomes(stage, ["sent"])
    assert stage.count_said("Your report") == 1
    assert "nothing has changed" in await alice.hear_at(NINE + DAY)


async def test_a_device_that_came_between_two_tries_of_a_report_is_new_in_the_next(
    stage: Stage, alice: Conversation
) -> None:
    assert "Your report" in await alice.hear_at(NINE)
    await wait_for_outcomes(stage, ["sent"])
    await die_before_the_end(stage)
    stage.sign_in()
    await stage.start_bot()
    await wait_for_outcomes(stage, ["sent"])
    assert stage.count_said("Your report") == 1
    assert "1 new device" in await alice.hear_at(NINE + DAY)


async def die_before_the_end(stage: Stage) -> None:
    """Stop as if just before the end of the run was written, until the claim on it has expired."""
    await stage.stop_bots()
    async with open_database(stage.settings.storage.url) as database:
        await database.write(
            lambda connection: connection.exec_driver_sql(
                "UPDATE report_runs SET finished_at = NULL, outcome = ''"
            )
        )
    stage.clock.move_to(stage.clock.now() + LEASE)


# The workspace


@on_both
async def test_a_workspace_that_is_down_delays_the_report(
    stage: Stage, alice: Conversation
) -> None:
    stage.simulator.faults.fail_next("sessions/list", status=503, times=3)
    await stage.clock.pass_to(NINE + SPREAD)
    await wait_for_failure(stage, 1)
    await stage.clock.pass_to(NINE + SPREAD + 20 * MINUTE)
    assert "This report is late" in await alice.hear()
    assert stage.count_said("Your report") == 1


async def test_a_workspace_that_stays_down_costs_the_report_and_it_is_told(
    stage: Stage, alice: Conversation
) -> None:
    for tries, hours in enumerate((1, 4), 1):
        stage.simulator.faults.fail_next("sessions/list", status=503, times=3)
        await stage.clock.pass_to(NINE + hours * HOUR)
        await wait_for_failure(stage, tries)
    await stage.clock.pass_to(NINE + 7 * HOUR)
    await wait_for_outcomes(stage, ["skipped"])
    report = await alice.hear_at(NINE + DAY)
    assert "Before it, 1 report was skipped" in report


async def wait_for_failure(stage: Stage, tries: int) -> None:
    """Wait until so many attempts have failed and none is running."""
    await wait_for_run(stage, f"tries = {tries} AND claimed_by = ''")


async def wait_for_run(stage: Stage, condition: str) -> None:
    query = f"SELECT count(*) FROM report_runs WHERE {condition}"  # noqa: S608 - the test's own words
    async with asyncio.timeout(DEADLINE_S), open_database(stage.settings.storage.url) as database:
        while not await database.write(
            lambda connection: connection.exec_driver_sql(query).scalar_one()
        ):
            pass


# The person and the licence


async def test_somebody_who_disconnected_is_told_once_and_reports_go_on_later(
    stage: Stage, alice: Conversation
) -> None:
    await alice.ask("!disconnect")
    told = await alice.hear_at(NINE)
    assert told.startswith("Your report of Sat 16 Jan 2027, 09:00 could not be made.")
    assert "`!connect` fixes that." in told
    assert "`!report off` ends them." in told
    await stage.clock.pass_to(NINE + DAY + SPREAD)
    await wait_for_outcomes(stage, ["failed"] * 2)
    await alice.connect()
    # The time zone was erased with the account, and is restored with the schedule.
    assert "The next one comes Tue 19 Jan 2027, 09:00." in await alice.hear_at(NINE + 2 * DAY)
    assert stage.count_said("Your report of") == 1
    assert "Europe/Berlin" in await alice.ask("!timezone")


def remove_tokens(stage: Stage) -> None:
    """Remove the personal access tokens that Alice gave the bot."""
    alice = stage.people.alice
    for name in [each.name for each in alice.tokens.values() if each.name.startswith("bot ")]:
        stage.simulator.workspace.remove_personal_access_token(alice, name)


@on_both
async def test_a_dead_token_is_told_once(stage: Stage, alice: Conversation) -> None:
    remove_tokens(stage)
    told = await alice.hear_at(NINE)
    assert "Your workspace no longer accepts the token you gave me" in told
    assert "`!connect` fixes that." in told
    await stage.clock.pass_to(NINE + DAY + SPREAD)
    await wait_for_outcomes(stage, ["failed"] * 2)
    assert stage.count_said("Your report of") == 1


async def test_a_missing_licence_is_told_once_and_reports_go_on_with_it(
    stage: Stage, alice: Conversation
) -> None:
    stage.simulator.workspace.is_licensed = False
    told = await alice.hear_at(NINE)
    assert told.startswith("Your report of Sat 16 Jan 2027, 09:00 could not be made.")
    assert "device management" in told.casefold()
    await stage.clock.pass_to(NINE + DAY + SPREAD)
    await wait_for_outcomes(stage, ["failed"] * 2)
    stage.simulator.workspace.is_licensed = True
    assert "9 devices" in await alice.hear_at(NINE + 2 * DAY)
    assert stage.count_said("Your report of") == 1
