"""Reports when things go wrong: late and told so, never twice, never silently gone."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from bot.features.reports.schedule_rules import SPREAD
from bot.scheduler.retry import LEASE
from bot.scheduler.scheduler import TICK_S
from bot.storage.database import open_database
from tests.support.clock_stage import DEADLINE, Guest, House, open_alice, open_house, sign_in
from tests.support.stored import load_outcomes

BERLIN = ZoneInfo("Europe/Berlin")
EVENING = datetime(2027, 1, 15, 18, 0, tzinfo=BERLIN)
NINE = datetime(2027, 1, 16, 9, 0, tzinfo=BERLIN)
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)


on_both = pytest.mark.parametrize("clockwork", ["embedded", "jobs"], indirect=True)


@pytest.fixture
def clockwork(request: pytest.FixtureRequest) -> str:
    """The address of a database that several processes share jobs in; nothing for a file."""
    is_shared = getattr(request, "param", "embedded") == "jobs"
    return str(request.getfixturevalue("postgres_url")) if is_shared else ""


@pytest.fixture
async def house(tmp_path: Path, clockwork: str) -> AsyncIterator[House]:
    async with open_house(tmp_path, EVENING, clockwork) as opened:
        yield opened


@pytest.fixture
async def alice(house: House) -> AsyncIterator[Guest]:
    async with open_alice(house) as guest:
        await guest.ask("!timezone Europe/Berlin")
        await guest.ask("!report daily 9")
        yield guest


async def read_outcomes(house: House) -> list[str]:
    async with open_database(house.settings.storage.url) as database:
        outcomes = await load_outcomes(database, house.alice.id)
    found = [outcomes[due_at] for due_at in sorted(outcomes)]
    return ["sent" if outcome in {"on_time", "late"} else outcome for outcome in found]


async def wait_for_outcomes(house: House, expected: list[str]) -> None:
    """Wait until the slots have these outcomes: work by the clock goes on beside the test."""
    found: list[str] = []
    async with asyncio.timeout(DEADLINE):
        while found != expected:
            found = await read_outcomes(house)


# Not running


@on_both
async def test_a_report_missed_a_while_ago_comes_late_and_says_so(
    house: House, alice: Guest
) -> None:
    await house.stop_bots()
    house.clock.move_to(NINE + 3 * HOUR)
    await house.start_bot()
    report = await alice.hear()
    assert "This report is late: it was due Sat 16 Jan 2027, 09:00." in report
    assert "skipped" not in report
    assert "The next one comes Sun 17 Jan 2027, 09:00." in report
    assert "is late" not in await alice.hear_at(NINE + DAY)
    assert house.count_said("Your report") == 2


async def test_of_several_missed_reports_one_comes_and_tells_of_the_others(
    house: House, alice: Guest
) -> None:
    await house.stop_bots()
    house.clock.move_to(NINE + 3 * DAY + HOUR)
    await house.start_bot()
    report = await alice.hear()
    assert "This report is late: it was due Tue 19 Jan 2027, 09:00." in report
    assert "Before it, 3 reports were skipped" in report
    assert "skipped" not in await alice.hear_at(NINE + 4 * DAY)
    assert house.count_said("Your report") == 2


@on_both
async def test_a_report_missed_long_ago_is_skipped_and_the_next_one_says_so(
    house: House, alice: Guest
) -> None:
    await house.stop_bots()
    house.clock.move_to(NINE + 7 * HOUR)
    await house.start_bot()
    await wait_for_outcomes(house, ["skipped"])
    report = await alice.hear_at(NINE + DAY)
    assert "is late" not in report
    assert "Before it, 1 report was skipped, because it could not be made in time." in report
    assert house.count_said("Your report") == 1


# Twice or not at all


@on_both
async def test_two_bots_on_one_database_send_each_report_once(house: House, alice: Guest) -> None:
    await house.start_bot()
    for day in range(3):
        assert "Your report" in await alice.hear_at(NINE + day * DAY)
        # Else the clock would run ahead of what is still being noted.
        await wait_for_outcomes(house, ["sent"] * (day + 1))
    assert house.count_said("Your report") == 3


@on_both
async def test_a_bot_that_ends_in_the_middle_leaves_the_report_to_the_next(
    house: House, alice: Guest
) -> None:
    house.simulator.faults.delay_answer("sessions/list", 30)
    await house.clock.pass_to(NINE + SPREAD)
    await wait_for_slot(house, "tries = 1")
    await house.stop_bots()
    house.simulator.faults.clear()
    assert await read_outcomes(house) == [""]
    house.clock.move_to(house.clock.now() + timedelta(seconds=TICK_S))
    await house.start_bot()
    assert "Your report" in await alice.hear()
    await wait_for_outcomes(house, ["sent"])
    assert house.count_said("Your report") == 1


async def test_a_report_whose_sending_was_in_doubt_stands_there_once(
    house: House, alice: Guest
) -> None:
    house.simulator.faults.lose_answer("chat.sendMessage")
    assert "Your report" in await alice.hear_at(NINE)
    await wait_for_outcomes(house, ["sent"])
    assert house.count_said("Your report") == 1


@on_both
async def test_a_report_that_was_sent_but_not_noted_is_not_sent_again(
    house: House, alice: Guest
) -> None:
    assert "Your report" in await alice.hear_at(NINE)
    await wait_for_outcomes(house, ["sent"])
    await die_before_the_end(house)
    await house.start_bot()
    await wait_for_outcomes(house, ["sent"])
    assert house.count_said("Your report") == 1
    assert "nothing has changed" in await alice.hear_at(NINE + DAY)


async def test_a_device_that_came_between_two_tries_of_a_report_is_new_in_the_next(
    house: House, alice: Guest
) -> None:
    assert "Your report" in await alice.hear_at(NINE)
    await wait_for_outcomes(house, ["sent"])
    await die_before_the_end(house)
    sign_in(house)
    await house.start_bot()
    await wait_for_outcomes(house, ["sent"])
    assert house.count_said("Your report") == 1
    assert "1 new device" in await alice.hear_at(NINE + DAY)


async def die_before_the_end(house: House) -> None:
    """Stop, as if just before the end of the slot was written, for as long as a slot is kept."""
    await house.stop_bots()
    async with open_database(house.settings.storage.url) as database:
        await database.write(
            lambda connection: connection.exec_driver_sql(
                "UPDATE report_runs SET finished_at = NULL, outcome = ''"
            )
        )
    house.clock.move_to(house.clock.now() + LEASE)


# The workspace


@on_both
async def test_a_workspace_that_is_down_delays_the_report(house: House, alice: Guest) -> None:
    house.simulator.faults.fail_next("sessions/list", status=503, times=3)
    await house.clock.pass_to(NINE + SPREAD)
    await wait_for_failure(house, 1)
    await house.clock.pass_to(NINE + SPREAD + 20 * MINUTE)
    assert "This report is late" in await alice.hear(DEADLINE)
    assert house.count_said("Your report") == 1


async def test_a_workspace_that_stays_down_costs_the_report_and_it_is_told(
    house: House, alice: Guest
) -> None:
    for tries, hours in enumerate((1, 4), 1):
        house.simulator.faults.fail_next("sessions/list", status=503, times=3)
        await house.clock.pass_to(NINE + hours * HOUR)
        await wait_for_failure(house, tries)
    await house.clock.pass_to(NINE + 7 * HOUR)
    await wait_for_outcomes(house, ["skipped"])
    report = await alice.hear_at(NINE + DAY)
    assert "Before it, 1 report was skipped" in report


async def wait_for_failure(house: House, tries: int) -> None:
    """Wait until so many tries have failed, and nobody tries just now."""
    await wait_for_slot(house, f"tries = {tries} AND claimed_by = ''")


async def wait_for_slot(house: House, condition: str) -> None:
    query = f"SELECT count(*) FROM report_runs WHERE {condition}"  # noqa: S608 - the test's own words
    async with asyncio.timeout(DEADLINE), open_database(house.settings.storage.url) as database:
        while not await database.write(
            lambda connection: connection.exec_driver_sql(query).scalar_one()
        ):
            pass


# The person and the licence


async def test_somebody_who_disconnected_is_told_once_and_reports_go_on_later(
    house: House, alice: Guest
) -> None:
    await alice.ask("!disconnect")
    told = await alice.hear_at(NINE)
    assert told.startswith("Your report of Sat 16 Jan 2027, 09:00 could not be made.")
    assert "`!connect` puts that right." in told
    assert "`!report off` ends them." in told
    await house.clock.pass_to(NINE + DAY + SPREAD)
    await wait_for_outcomes(house, ["failed"] * 2)
    await alice.connect()
    # The time zone went with the account, and comes back with the plan.
    assert "The next one comes Tue 19 Jan 2027, 09:00." in await alice.hear_at(NINE + 2 * DAY)
    assert house.count_said("Your report of") == 1
    assert "Europe/Berlin" in await alice.ask("!timezone")


@on_both
async def test_a_dead_token_is_told_once(house: House, alice: Guest) -> None:
    names = [token.name for token in house.alice.tokens.values() if token.name.startswith("bot ")]
    for name in names:
        house.simulator.workspace.remove_personal_access_token(house.alice, name)
    told = await alice.hear_at(NINE)
    assert "Your workspace no longer accepts the token you lent me" in told
    assert "`!connect` puts that right." in told
    await house.clock.pass_to(NINE + DAY + SPREAD)
    await wait_for_outcomes(house, ["failed"] * 2)
    assert house.count_said("Your report of") == 1


async def test_a_missing_licence_is_told_once_and_reports_go_on_with_it(
    house: House, alice: Guest
) -> None:
    house.simulator.workspace.is_licensed = False
    told = await alice.hear_at(NINE)
    assert told.startswith("Your report of Sat 16 Jan 2027, 09:00 could not be made.")
    assert "device management" in told.casefold()
    await house.clock.pass_to(NINE + DAY + SPREAD)
    await wait_for_outcomes(house, ["failed"] * 2)
    house.simulator.workspace.is_licensed = True
    assert "9 devices" in await alice.hear_at(NINE + 2 * DAY)
    assert house.count_said("Your report of") == 1
