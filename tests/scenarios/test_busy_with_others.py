"""The rate limit is shared: with reports and alerts, with browsers, with another bot."""

import asyncio
import re
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from bot.features.reports.schedule_rules import SPREAD
from rocketchat_simulator import Visit
from tests.support.busy import (
    LIMIT,
    ask_at_once,
    count_refusals,
    find_askers,
    invite_guests,
    open_busy_stage,
)
from tests.support.deadlines import DEADLINE_S
from tests.support.people import Guest
from tests.support.stage import QUICKLY, open_stage

WINDOW = 2.0
# The rest of a window is for people, but for its last moments.
FOR_PEOPLE = LIMIT // 5
_BUSY = re.compile(r"Your workspace is busy\..*Try again in (\d+) seconds?\.")


async def test_people_come_before_reports(tmp_path: Path) -> None:
    # In a window of three seconds everybody has asked when most of it has still to pass.
    async with open_busy_stage(tmp_path, 28, window=3.0) as (stage, guests):
        scheduled, people = guests[:16], guests[16:]
        due_at = stage.clock.now() + timedelta(minutes=3)
        await schedule_reports(scheduled, due_at)
        stage.simulator.requests.clear()
        stage.clock.move_to(due_at + SPREAD)
        await stage.wait_for_calls("sessions/list", LIMIT - FOR_PEOPLE)
        before = stage.count_calls("sessions/list")
        await ask_at_once(people)
        for guest in scheduled:
            async with asyncio.timeout(DEADLINE_S):
                await guest.hear("report")
    askers = list(find_askers(stage, "sessions/list"))[before:]
    last = max(askers.index(guest.user.id) for guest in people)
    reports = [place for place, asker in enumerate(askers) if is_of(asker, scheduled)]
    assert max(reports) > last
    # One call in ten is for a report, and the end of each window's rest; without an order of
    # precedence it would be one in two.
    assert sum(place < last for place in reports) <= len(people) // 4
    assert count_refusals(stage) == 0


def is_of(asker: str, guests: list[Guest]) -> bool:
    return any(guest.user.id == asker for guest in guests)


async def schedule_reports(guests: list[Guest], due_at: datetime) -> None:
    for guest in guests:
        time = f"{due_at + guest.offset:%H:%M}"
        guest.say(f"!report daily {time}")
        await guest.hear(time)


async def test_a_browser_that_would_wait_too_long_is_told_so(tmp_path: Path) -> None:
    async with open_stage(
        tmp_path,
        limit_calls=LIMIT,
        limit_window=60.0,
        overrides=replace(QUICKLY, browser_timeout_s=2.0),
    ) as stage:
        guests = invite_guests(stage, LIMIT)
        async with asyncio.timeout(DEADLINE_S), asyncio.TaskGroup() as tasks:
            tries = [tasks.create_task(try_to_connect(guest)) for guest in guests]
        visits = [each.result() for each in tries]
        busy = [visit for visit in visits if visit.status == 503]
        assert busy
        assert all(visit.status in {200, 503} for visit in visits)
        for visit in busy:
            found = _BUSY.search(re.sub("<[^>]*>", "", visit.page))
            assert found, visit.page
            assert 1 <= int(found[1]) <= 61
            assert "You can try again right here" in visit.page
        assert 429 not in {each.status for each in stage.simulator.requests}


async def try_to_connect(guest: Guest) -> Visit:
    return await guest.fill_in(await guest.ask_for_link())


async def test_two_bots_on_one_address_share_the_limit_and_nobody_sees_it(tmp_path: Path) -> None:
    people = 3 * LIMIT
    async with open_busy_stage(tmp_path, people, window=WINDOW, bots=2) as (stage, guests):
        answered = await ask_at_once(guests)
        assert all(each.is_answer for each in answered)
        assert stage.count_calls("sessions/list") >= people
        # Each learns from the headers what the other uses. Where both read the same number before
        # the other's calls arrive, they use it twice: in the first window all but the first three
        # calls, later three, because both are then careful.
        slowest_s = max(each.seconds for each in answered)
        later_windows = max(people // LIMIT, int(slowest_s / WINDOW))
        assert count_refusals(stage) <= LIMIT - 3 + 3 * later_windows
        for each in answered:
            assert all("it is your turn in about" in notice for notice in each.guest.notices)
            assert len(each.guest.notices) <= 1
            assert not each.guest.has_unheard
