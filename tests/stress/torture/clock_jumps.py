"""The clock jumps two years ahead and comes back, again and again, while people ask."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from tests.stress.torture.checks import StressResult
from tests.support.deadlines import DEADLINE_S
from tests.support.future_times import find_future_times
from tests.support.people import Guest
from tests.support.stage import open_stage

_PEOPLE: Final = 6
_AHEAD: Final = timedelta(days=730)
_STAY_S: Final = 1.0
_PACE_S: Final = 3.5  # between two jumps, so that nobody asks more than twenty times a minute


async def try_clock_jumps(folder: Path, seconds: float) -> StressResult:
    """Count the answers, and what still waits in the future in the end."""
    async with open_stage(folder, bots=0) as stage:
        await stage.start_bot(replace(stage.overrides, sleep=_sleep_shortly))
        guests = [stage.invite(f"person{number}") for number in range(_PEOPLE)]
        for guest in guests:
            await guest.connect()
            for command in ("!report daily 9", "!alerts on"):
                guest.say(command)
                await guest.hear("You get a report", "Alerts are on")
        jumps, asked, stored_ahead = 0, 0, 0
        ends_at = time.monotonic() + seconds
        while time.monotonic() < ends_at:
            stage.clock.advance(days=_AHEAD.days)
            asked += await _ask(guests, f"ahead{jumps}")
            await asyncio.sleep(_STAY_S)
            url, before = stage.settings.storage.url, stage.clock.now() - _AHEAD
            stored_ahead += bool(await find_future_times(url, before))
            stage.clock.advance(days=-_AHEAD.days)
            asked += await _ask(guests, f"back{jumps}")
            jumps += 1
            await asyncio.sleep(_PACE_S)
        left = await _wait_until_none_is_left(stage.settings.storage.url, stage.clock.now)
        answered = sum(len(set(guest.answered)) for guest in guests)
    numbers = (
        f"{jumps} jumps, after {stored_ahead} of which times were stored; {asked} asked,"
        f" {answered} answered; left in the future: {', '.join(sorted(left)) or 'none'}"
    )
    is_passed = stored_ahead > 0 and answered == asked and not left
    return StressResult("clock that jumps", numbers, is_passed)


async def _sleep_shortly(_seconds: float) -> None:
    # As in reality, pauses do not depend on the clock.
    await asyncio.sleep(0.05)


async def _ask(guests: list[Guest], name: str) -> int:
    """Let everybody ask and wait for the answers; return how many asked."""
    for guest in guests:
        guest.ask(name)
    for guest in guests:
        await guest.wait_until(lambda each: name in each.answered)
    return len(guests)


async def _wait_until_none_is_left(url: str, now: Callable[[], datetime]) -> set[str]:
    """Return what is still in the future at the deadline."""
    deadline = time.monotonic() + DEADLINE_S
    left = await find_future_times(url, now())
    while left and time.monotonic() < deadline:
        await asyncio.sleep(0.1)
        left = await find_future_times(url, now())
    return left
