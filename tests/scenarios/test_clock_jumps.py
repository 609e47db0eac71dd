"""The machine's clock jumps two years ahead and comes back: nothing waits until then."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from bot.storage.database import open_database
from tests.support.deadlines import DEADLINE_S
from tests.support.future_times import find_future_times
from tests.support.people import Conversation
from tests.support.stage import Stage, open_stage

BERLIN = ZoneInfo("Europe/Berlin")
EVENING = datetime(2027, 1, 15, 18, 0, tzinfo=BERLIN)
NINE = datetime(2027, 1, 16, 9, 0, tzinfo=BERLIN)
AHEAD, MINUTE = timedelta(days=730), timedelta(minutes=1)

on_both = pytest.mark.parametrize("clockwork", ["embedded", "jobs"], indirect=True)


@pytest.fixture
def clockwork(request: pytest.FixtureRequest) -> str:
    """Return the address of a database whose jobs several processes share; empty for a file."""
    is_shared = getattr(request, "param", "embedded") == "jobs"
    return str(request.getfixturevalue("postgres_url")) if is_shared else ""


@pytest.fixture
async def stage(tmp_path: Path, clockwork: str) -> AsyncIterator[Stage]:
    async with open_stage(tmp_path, bots=0, start=EVENING, storage_url=clockwork) as opened:
        await start_bot(opened)
        yield opened


async def start_bot(stage: Stage) -> None:
    """Start a bot whose pauses do not depend on the clock, as in reality, and are short."""
    await stage.start_bot(replace(stage.overrides, sleep=sleep_shortly))


async def sleep_shortly(_seconds: float) -> None:
    await asyncio.sleep(0.05)


@pytest.fixture
async def alice(stage: Stage) -> Conversation:
    guest = await stage.meet_connected("alice")
    await guest.ask("!timezone Europe/Berlin")
    await guest.ask("!report daily 9")
    await guest.ask("!alerts on")
    return guest


async def wait_for_future_times(stage: Stage, *tables: str) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while await find_future_times(stage.settings.storage.url, stage.clock.now()) != set(tables):  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.05)


async def live_in_the_future(stage: Stage, alice: Conversation) -> None:
    """Do what stores times, with the clock ahead, until the scheduler has done so, too."""
    stage.clock.move_to(EVENING + AHEAD)
    await alice.ask("!logout 2")
    await (await stage.meet("bob")).ask_for_link()
    await wait_until_scheduled(stage, EVENING + AHEAD)


@on_both
async def test_a_clock_that_was_ahead_leaves_nothing_in_the_future(
    stage: Stage, alice: Conversation
) -> None:
    await live_in_the_future(stage, alice)
    stage.clock.move_to(EVENING)
    await wait_for_future_times(stage)
    report = await alice.hear_at(NINE)
    assert "Your report" in report
    assert "skipped" not in report
    assert "The next one comes Sun 17 Jan 2027, 09:00." in report


async def test_a_start_after_the_clock_came_back_corrects_the_times(
    stage: Stage, alice: Conversation
) -> None:
    await live_in_the_future(stage, alice)
    await stage.stop_bots()
    stage.clock.move_to(EVENING)
    everything = {"schedules", "alerts", "confirmations", "links"}
    found = await find_future_times(stage.settings.storage.url, stage.clock.now())
    # A run, too, where the bot was stopped while it made a report.
    assert everything <= found <= {*everything, "runs"}
    await start_bot(stage)
    await wait_for_future_times(stage)
    assert "Your report" in await alice.hear_at(NINE)


async def wait_until_scheduled(stage: Stage, after: datetime) -> None:
    """Wait until the next report and the next check come after that."""
    query = text(
        "SELECT count(*) FROM schedules, alert_subscriptions"
        " WHERE next_at > :after AND next_check_at > :after"
    )
    values = {"after": int(after.timestamp() * 1_000_000)}
    async with open_database(stage.settings.storage.url) as database, asyncio.timeout(DEADLINE_S):
        while not await database.fetch_value(query, values):  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.05)


async def test_a_pause_stays_as_it_is(stage: Stage, alice: Conversation) -> None:
    await alice.ask("!report pause 26w")
    await stage.stop_bots()
    calls = stage.count_calls("/info")
    await start_bot(stage)
    await stage.wait_for_calls("/info", calls + 2)
    assert "The next one comes Sat 17 Jul 2027, 09:00." in await alice.ask("!report")


async def test_a_clock_that_is_behind_corrects_nothing(stage: Stage, alice: Conversation) -> None:
    await stage.stop_bots()
    stage.clock.move_to(datetime(2001, 1, 1, tzinfo=BERLIN))
    before = await find_future_times(stage.settings.storage.url, stage.clock.now())
    assert before == {"schedules", "alerts", "accounts"}
    await start_bot(stage)
    # Each tick asks what time it is.
    await stage.wait_for_calls("/info", stage.count_calls("/info") + 3)
    assert await find_future_times(stage.settings.storage.url, stage.clock.now()) == before
    stage.clock.move_to(EVENING + MINUTE)
    assert "Your report" in await alice.hear_at(NINE)


async def test_a_message_that_was_claimed_in_the_future_is_answered(
    stage: Stage, alice: Conversation
) -> None:
    stage.clock.move_to(EVENING + AHEAD)
    stage.simulator.faults.delay_answer("sessions/info", 30)
    await alice.say("!session QoYYFw2t9oKks2niG")
    await stage.wait_for_calls("sessions/info")
    await stage.stop_bots()
    stage.simulator.faults.clear()
    stage.clock.move_to(EVENING + MINUTE)
    assert "inbox" in await find_future_times(stage.settings.storage.url, stage.clock.now())
    await start_bot(stage)
    await alice.hear()
    await wait_for_future_times(stage)
