"""One person floods the bot from many rooms: twenty others must hardly notice."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import cycle
from pathlib import Path
from typing import Final

from tests.stress.shared import pause
from tests.stress.torture.checks import StressResult, find_p95
from tests.support.people import Guest
from tests.support.programs import run_program, write_config
from tests.support.stage import Stage, open_stage
from tests.support.storage_faults import choose_port

_PEOPLE: Final = 20
_GROUPS: Final = 110
_MENTIONS: Final = 20  # in each group
_PACE_S: Final = 4.0  # between two questions of one person; the bot answers twenty a minute
_MAX_SLOWER: Final = 2.0
_LIMIT: Final = 1_000_000  # calls; none, in effect


async def try_flood(folder: Path, seconds: float) -> StressResult:
    """Compare the answer times of people in quiet with those beside a flood."""
    async with _open_crowd(folder) as (stage, guests):
        quiet = await _ask_all(guests, seconds)
        over, mallory = asyncio.Event(), stage.invite("mallory")
        async with asyncio.TaskGroup() as tasks:
            flood = tasks.create_task(_flood(stage, mallory, over, seconds))
            beside = await _ask_all(guests, seconds)
            over.set()
    before, after = find_p95(quiet), find_p95(beside)
    numbers = (
        f"{_PEOPLE} people's p95 {1000 * before:.0f} ms in quiet, {1000 * after:.0f} ms beside"
        f" {flood.result()} mentions of one person in {_GROUPS} groups"
        f" ({after / before:.1f} times, at most {_MAX_SLOWER:g})"
    )
    # Otherwise there was no flood, or it did not reach the bot.
    is_flood = flood.result() > _GROUPS * _MENTIONS / 4 and bool(mallory.texts)
    return StressResult("fairness", numbers, is_flood and after <= _MAX_SLOWER * before)


@asynccontextmanager
async def _open_crowd(folder: Path) -> AsyncIterator[tuple[Stage, list[Guest]]]:
    async with open_stage(folder, bots=0, limit_calls=_LIMIT) as stage:
        settings = choose_port(stage.settings)
        async with run_program(write_config(folder / "bot.toml", settings)):
            guests = [stage.invite(f"person{number}") for number in range(_PEOPLE)]
            for guest in guests:
                await guest.connect()
            yield stage, guests


async def _ask_all(guests: list[Guest], seconds: float) -> list[float]:
    """Let everybody ask in turn; return how many seconds each answer took."""
    asking = [_ask(guest, seconds, _PACE_S * place / _PEOPLE) for place, guest in enumerate(guests)]
    return [each for times in await asyncio.gather(*asking) for each in times]


async def _ask(guest: Guest, seconds: float, start_s: float) -> list[float]:
    times: list[float] = []
    ends_at = time.monotonic() + seconds
    await asyncio.sleep(start_s)
    while time.monotonic() < ends_at:
        began_at = time.monotonic()
        guest.say("!sessions")
        await guest.hear("signed in as you")
        times.append(time.monotonic() - began_at)
        await asyncio.sleep(_PACE_S)
    return times


async def _flood(stage: Stage, mallory: Guest, over: asyncio.Event, seconds: float) -> int:
    """Say all mentions within that time; return how many were said until it was over."""
    name = f"@{mallory.bot.username}"
    groups = [
        stage.simulator.workspace.make_channel(
            f"group{number}", [mallory.user, mallory.bot], is_private=True
        )
        for number in range(_GROUPS)
    ]
    said = 0
    for group in cycle(groups):
        if over.is_set():
            break
        mallory.say(f"{name} !nothing", group)
        said += 1
        await pause(over, seconds / (_GROUPS * _MENTIONS))
    return said
