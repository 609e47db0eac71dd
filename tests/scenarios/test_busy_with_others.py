"""The rate limit is shared: with reports and alerts, with browsers, with another bot."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path

from bot.app import AppOverrides, open_bot
from bot.features.reports.schedule_rules import SPREAD
from rocketchat_simulator import Simulator, Visit
from rocketchat_simulator.demo.seed import seed
from tests.support.busy_stage import (
    LIMIT,
    Guest,
    Party,
    ask_at_once,
    connect_all,
    invite,
    open_browser,
    open_party,
)
from tests.support.stage import QUICK, make_settings, open_stage, stop

WINDOW = 2.0
DEADLINE = 30
_BUSY = re.compile(r"Your workspace is busy\..*try again in (\d+) seconds?\.")


async def test_people_come_before_reports(tmp_path: Path) -> None:
    async with open_party(tmp_path, 4 * LIMIT, window=WINDOW) as party:
        scheduled, people = party.guests[: 2 * LIMIT], party.guests[2 * LIMIT :]
        due_at = party.clock.now() + timedelta(minutes=3)
        await schedule_reports(scheduled, due_at)
        party.simulator.requests.clear()
        party.clock.move_to(due_at + SPREAD)
        await wait_for_calls(party, LIMIT)
        before = party.count_calls("sessions/list")
        await ask_at_once(people)
        for guest in scheduled:
            async with asyncio.timeout(DEADLINE):
                await guest.hear("report")
    askers = list(party.find_askers("sessions/list"))[before:]
    last = max(askers.index(guest.user.id) for guest in people)
    reports = [place for place, asker in enumerate(askers) if is_of(asker, scheduled)]
    assert max(reports) > last
    # One turn in ten is a report's, so that it comes to an end; one may have been on its way.
    assert sum(place < last for place in reports) <= len(people) // 9 + 1
    assert party.count_refusals() == 0


def is_of(asker: str, guests: list[Guest]) -> bool:
    return any(guest.user.id == asker for guest in guests)


async def wait_for_calls(party: Party, number: int) -> None:
    async with asyncio.timeout(DEADLINE):
        while party.count_calls("sessions/list") < number:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.01)


async def schedule_reports(guests: list[Guest], due_at: datetime) -> None:
    for guest in guests:
        time = f"{due_at + guest.offset:%H:%M}"
        guest.say(f"!report daily {time}")
        await guest.hear(time)


async def test_a_browser_that_would_wait_too_long_is_told_so(tmp_path: Path) -> None:
    async with open_stage(
        tmp_path, limit_calls=LIMIT, limit_window=5.0, browser_patience=0.5
    ) as stage:
        guests = [invite(stage.simulator, stage.people.bot, number) for number in range(LIMIT)]
        async with asyncio.timeout(DEADLINE), asyncio.TaskGroup() as tasks:
            tries = [tasks.create_task(try_to_connect(guest)) for guest in guests]
        visits = [each.result() for each in tries]
        busy = [visit for visit in visits if visit.status == 503]
        assert busy
        assert all(visit.status in {200, 503} for visit in visits)
        for visit in busy:
            found = _BUSY.search(re.sub("<[^>]*>", "", visit.page))
            assert found, visit.page
            assert 1 <= int(found[1]) <= 6
            assert "You can try again right here" in visit.page
        assert 429 not in {each.status for each in stage.simulator.requests}


async def try_to_connect(guest: Guest) -> Visit:
    async with open_browser() as http:
        return await guest.fill_in(http, await guest.ask_for_link())


async def test_two_bots_on_one_address_share_the_limit_and_nobody_sees_it(tmp_path: Path) -> None:
    async with open_two_bots(tmp_path) as party:
        answered = await ask_at_once(party.guests)
        assert all(each.is_answer for each in answered)
        assert party.count_calls("sessions/list") >= len(party.guests)
        # Each learns from the headers what the other uses up. Where both read the same number
        # before the other's calls came, what was left goes twice: in the first window all but the
        # three first calls, later, when both are careful, three.
        later_windows = len(party.guests) // LIMIT
        assert party.count_refusals() <= LIMIT - 3 + 3 * later_windows
        for each in answered:
            assert all("it is your turn in about" in notice for notice in each.guest.notices)
            assert len(each.guest.notices) <= 1
            assert each.guest.heard.empty()


@asynccontextmanager
async def open_two_bots(folder: Path) -> AsyncIterator[Party]:
    async with AsyncExitStack() as stack:
        simulator = await stack.enter_async_context(Simulator(limit_calls=1000))
        people = seed(simulator.workspace)
        settings = make_settings(simulator.url, people, folder)
        for _ in range(2):
            listening = asyncio.Event()
            surroundings = AppOverrides(backoff=QUICK, on_listening=listening.set)
            bot = await stack.enter_async_context(open_bot(settings, surroundings))
            stack.push_async_callback(stop, asyncio.create_task(bot.run()))
            async with asyncio.timeout(DEADLINE):
                await listening.wait()
        guests = [invite(simulator, people.bot, number) for number in range(3 * LIMIT)]
        await connect_all(guests)
        simulator.requests.clear()
        simulator.limits.change(LIMIT, WINDOW)
        yield Party(simulator, guests)
