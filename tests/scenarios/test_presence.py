"""The alert comes within seconds of a login where the workspace tells who comes online."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from bot.features.alerts.alerts import MIN_INTERVAL, MIN_PAUSE
from bot.features.alerts.store import AlertSubscriptions
from bot.scheduler.presence_checks import MAX_CONCURRENT
from bot.storage.database import open_database
from rocketchat_simulator.demo.devices import CHROME_WINDOWS
from tests.support.deadlines import DEADLINE_S
from tests.support.people import Guest
from tests.support.stage import Stage, open_stage

# No version of the program writes such rows.
UNREADABLE = (
    "UPDATE known_devices SET last_seen_at = 'never' WHERE user_id = :id",
    "UPDATE schedules SET rule = 'never', start_at = 0 WHERE user_id = :id",
)
START = datetime(2027, 1, 15, 18, 0, tzinfo=UTC)


@pytest.fixture(params=["6.5", "7.7", "8.3", "8.8"])
async def stage(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    async with open_stage(tmp_path, start=START, version=request.param) as opened:
        yield opened


async def meet_with_alerts(stage: Stage, name: str = "dora") -> Guest:
    [guest] = await meet_all_with_alerts(stage, name)
    return guest


async def meet_all_with_alerts(stage: Stage, *names: str) -> list[Guest]:
    guests = [stage.invite(name) for name in names]
    for guest in guests:
        await guest.connect()
        come_online(stage, guest, 0)
        go_offline(stage, guest)
    await turn_on(stage, *guests)
    return guests


async def turn_on(stage: Stage, *guests: Guest) -> None:
    for guest in guests:
        guest.say("!alerts on")
        await guest.hear("Alerts are on")
    # The minute since the check that learned the present devices.
    stage.clock.move_to(stage.clock.now() + MIN_PAUSE)
    for guest in guests:
        await wait_until_followed(stage, guest)


def come_online(stage: Stage, guest: Guest, network: int) -> None:
    workspace = stage.simulator.workspace
    token = workspace.make_login_token(guest.user)
    ip = f"198.18.{network}.7"
    workspace.open_session(guest.user, token=token, device=CHROME_WINDOWS, ip=ip)
    workspace.people.count_connections(guest.user, +1)


def go_offline(stage: Stage, guest: Guest) -> None:
    stage.simulator.workspace.people.count_connections(guest.user, -1)


async def wait_until_followed(stage: Stage, guest: Guest, *, is_followed: bool = True) -> None:
    async with asyncio.timeout(DEADLINE_S):
        wanted = len(stage.bots) if is_followed else 0
        while stage.simulator.realtime.count_followers(guest.user) != wanted:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.01)


async def test_a_new_device_is_announced_without_waiting_for_the_next_check(stage: Stage) -> None:
    dora = await meet_with_alerts(stage)
    come_online(stage, dora, 1)
    assert "`198.18.1.7`" in await dora.hear("New device")


async def test_a_second_login_within_a_minute_is_checked_when_the_minute_is_over(
    stage: Stage,
) -> None:
    dora = await meet_with_alerts(stage)
    come_online(stage, dora, 1)
    await dora.hear("New device")
    go_offline(stage, dora)
    calls = stage.count_calls("sessions/list")
    come_online(stage, dora, 2)
    await dora.expect_nothing_more()
    assert stage.count_calls("sessions/list") == calls
    await stage.clock.pass_to(stage.clock.now() + MIN_PAUSE)
    assert "`198.18.2.7`" in await dora.hear("New device")


async def test_people_are_followed_again_on_a_new_connection(stage: Stage) -> None:
    dora = await meet_with_alerts(stage)
    await stage.cut_off()
    await wait_until_followed(stage, dora, is_followed=False)
    await wait_until_followed(stage, dora)
    come_online(stage, dora, 1)
    assert "`198.18.1.7`" in await dora.hear("New device")


async def test_alerts_that_are_off_follow_no_presence(stage: Stage) -> None:
    dora = await meet_with_alerts(stage)
    dora.say("!alerts off")
    await dora.hear("Alerts are off")
    await wait_until_followed(stage, dora, is_followed=False)


async def test_two_bots_announce_it_once(stage: Stage) -> None:
    dora = await meet_with_alerts(stage)
    await stage.start_bot()
    await wait_until_followed(stage, dora)
    calls = stage.count_calls("sessions/list")
    come_online(stage, dora, 1)
    await dora.hear("New device")
    await dora.expect_nothing_more()
    assert stage.count_calls("sessions/list") == calls + 1


def count_checks(stage: Stage) -> int:
    """Count the lists of people; the bot asks for its own to learn whether there is a licence."""
    bot_id = stage.people.bot.id
    requests = stage.simulator.requests
    return sum(each.path.endswith("sessions/list") and each.user_id != bot_id for each in requests)


async def wait_for_checks(stage: Stage, number: int) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while count_checks(stage) < number:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.01)


async def test_periodic_checks_are_as_many_as_the_limit_allows(tmp_path: Path) -> None:
    async with open_stage(tmp_path, start=START, limit_calls=100) as stage:
        await meet_all_with_alerts(stage, "dora", "emil", "fritz")
        checks = count_checks(stage)
        await stage.clock.pass_to(stage.clock.now() + MIN_INTERVAL)
        await wait_for_checks(stage, checks + 3)


async def test_periodic_checks_wait_for_those_of_people_who_came_online(tmp_path: Path) -> None:
    async with open_stage(tmp_path, start=START, limit_calls=100) as stage:
        names = [f"online{number}" for number in range(MAX_CONCURRENT + 1)]
        *online, due = await meet_all_with_alerts(stage, *names, "due")
        checks = count_checks(stage)
        stage.simulator.faults.hang("sessions/list", times=100)
        for guest in online:
            come_online(stage, guest, 1)
        await wait_for_checks(stage, checks + MAX_CONCURRENT)
        await stage.clock.pass_to(stage.clock.now() + MIN_INTERVAL)
        await due.expect_nothing_more()
        async with open_database(stage.settings.storage.url) as database:
            for waiting in (online[-1], due):
                subscription = await AlertSubscriptions(database).load(waiting.user.id)
                assert subscription is not None
                assert subscription.next_check_at < stage.clock.now()


async def test_what_goes_wrong_with_one_person_ends_nothing_for_others(tmp_path: Path) -> None:
    async with open_stage(tmp_path, start=START) as stage:
        dora, emil = await meet_all_with_alerts(stage, "dora", "emil")
        dora.say("!report daily 09:00")
        await dora.hear("09:00")
        async with open_database(stage.settings.storage.url) as database:
            for statement in UNREADABLE:
                await database.execute(text(statement), {"id": dora.user.id})
        await stage.clock.pass_to(stage.clock.now() + MIN_PAUSE)
        come_online(stage, dora, 1)
        come_online(stage, emil, 1)
        assert "`198.18.1.7`" in await emil.hear("New device")
