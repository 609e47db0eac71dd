"""Time zone and language follow Rocket.Chat, which a person's client tells of daylight saving.

Europe/Berlin is at +2 until 31 October 2027.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.features.accounts.store import load_accounts
from bot.features.reports.schedule_rules import SPREAD
from bot.storage.database import open_database
from tests.support.deadlines import DEADLINE_S
from tests.support.people import Conversation
from tests.support.stage import QUICKLY, Stage, open_stage
from tests.support.stored import load_outcomes

SUMMER = datetime(2027, 10, 29, 12, 0, tzinfo=UTC)


def at(month: int, day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2027, month, day, hour, minute, tzinfo=UTC)


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with open_stage(tmp_path, start=SUMMER) as opened:
        yield opened


@pytest.fixture
async def alice(stage: Stage) -> Conversation:
    stage.people.alice.utc_offset = 2.0
    return await stage.meet_connected("alice")


async def test_the_next_answer_follows_language_and_offset(
    stage: Stage, alice: Conversation
) -> None:
    assert "UTC+02:00" in await alice.ask("!timezone")
    stage.people.alice.utc_offset = 1.0
    stage.people.alice.language = "de"
    stage.clock.advance(days=1)
    assert "UTC+01:00" in (answer := await alice.ask("!timezone"))
    assert answer.startswith("Deine Zeitzone ist")


async def test_a_workspace_that_does_not_say_keeps_nobody_waiting(
    stage: Stage, alice: Conversation
) -> None:
    stage.people.alice.utc_offset = 1.0
    stage.simulator.faults.fail_next("/api/v1/me", status=503, times=100)
    stage.clock.advance(days=1)
    assert "UTC+02:00" in await alice.ask("!timezone")


async def test_a_workspace_that_does_not_answer_keeps_nobody_waiting(tmp_path: Path) -> None:
    slowly = replace(QUICKLY, request_timeout_s=600.0)
    async with open_stage(tmp_path, start=SUMMER, overrides=slowly) as stage:
        alice = await stage.meet_connected("alice")
        stage.simulator.faults.hang("me", times=100)
        stage.clock.advance(days=1)
        await alice.say("!timezone")
        # A report would wait for a minute.
        assert "Your time zone is" in await alice.hear(40.0)


async def test_a_chosen_zone_stays(stage: Stage, alice: Conversation) -> None:
    await alice.ask("!timezone Europe/Berlin")
    stage.people.alice.utc_offset = 9.0
    stage.clock.advance(days=1)
    assert "Europe/Berlin" in await alice.ask("!timezone")


async def wait_for_outcome(stage: Stage, due_at: datetime, outcome: str) -> None:
    """Wait until the run of that time has ended so."""
    async with (
        asyncio.timeout(DEADLINE_S),
        open_database(stage.settings.storage.url) as database,
    ):
        while (await load_outcomes(database, stage.people.alice.id)).get(due_at) != outcome:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.02)


async def test_a_report_comes_an_hour_later_by_utc_in_winter(
    stage: Stage, alice: Conversation
) -> None:
    await alice.ask("!report daily 09:00")
    assert (await alice.hear_at(at(10, 30, 7))).startswith("Your report")
    stage.people.alice.utc_offset = 1.0
    await stage.clock.pass_to(at(10, 31, 7, 30))
    await wait_for_outcome(stage, at(10, 31, 7), "cancelled")
    assert (await alice.hear_at(at(10, 31, 8))).startswith("Your report")
    assert (await alice.hear_at(at(11, 1, 8))).startswith("Your report")
    assert stage.count_said("Your report") == 3


async def test_a_change_of_the_last_night_counts_for_a_report(
    stage: Stage, alice: Conversation
) -> None:
    await alice.ask("!report daily 09:00")
    stage.people.alice.utc_offset = 1.0
    # Read 19 hours ago, which is recent enough for an answer.
    await stage.clock.pass_to(at(10, 30, 7) + SPREAD)
    await wait_for_outcome(stage, at(10, 30, 7), "cancelled")


async def test_a_report_comes_though_its_new_time_has_passed(
    stage: Stage, alice: Conversation
) -> None:
    await alice.ask("!report daily 09:00")
    stage.people.alice.utc_offset = 1.0
    assert (await alice.hear_at(at(10, 30, 8, 1))).startswith("Your report")
    assert (await alice.hear_at(at(10, 31, 8))).startswith("Your report")
    assert stage.count_said("Your report") == 2


async def test_a_report_comes_an_hour_earlier_by_utc_in_summer(
    stage: Stage, alice: Conversation
) -> None:
    stage.people.alice.utc_offset = 1.0
    stage.clock.advance(days=1)
    assert "UTC+01:00" in await alice.ask("!report weekly wed 09:00")
    stage.people.alice.utc_offset = 2.0
    # Nobody says or is told anything meanwhile.
    await stage.clock.pass_to(at(11, 1, 0))
    async with asyncio.timeout(DEADLINE_S), open_database(stage.settings.storage.url) as database:
        while [each.utc_offset for each in await load_accounts(database)] != [2.0]:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.02)
    await stage.clock.pass_to(at(11, 1, 1))
    assert (await alice.hear_at(at(11, 3, 7))).startswith("Your report")
