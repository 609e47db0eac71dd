"""A PostgreSQL server hangs while people ask, and once more while the bot is to stop."""

import asyncio
import re
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

import aiohttp

from bot.config import Settings, StorageSettings, VaultSettings
from tests.stress.torture.checks import StressResult
from tests.support.deadlines import DEADLINE_S, SLOWNESS
from tests.support.people import Guest
from tests.support.postgres import open_empty_database, open_server
from tests.support.programs import run_program, write_config
from tests.support.stage import KEY, open_stage
from tests.support.storage_faults import choose_port

_PEOPLE: Final = 10
_PACE_S: Final = 0.5
_MAX_STOP_S: Final = 12.0 + SLOWNESS  # the program's own end included


async def try_hung_database(folder: Path, seconds: float) -> StressResult:
    """Count the answers, how often the bot was alive meanwhile, and how long it takes to stop."""
    with open_server() as server, open_empty_database(server.url) as url:
        async with open_stage(folder, bots=0) as stage:
            storage, vault = StorageSettings(url=url), VaultSettings(keys=(KEY,))
            update = {"storage": storage, "vault": vault}
            settings = choose_port(stage.settings.model_copy(update=update))
            async with run_program(write_config(folder / "bot.toml", settings)) as program:
                guests = [stage.invite(f"person{number}") for number in range(_PEOPLE)]
                with server.hang():
                    asked, alive = await _ask(guests, settings, seconds)
                    noticed = await _wait_until_down(settings)
                answered = await _count_answered(guests, asked)
                with server.hang():
                    began_at = time.monotonic()
                    await program.stop()
                    stopped_s = time.monotonic() - began_at
    numbers = (
        f"alive {alive} of {asked} times; storage_up {'told' if noticed else 'did not tell'};"
        f" {asked} asked meanwhile, {answered} answered; SIGTERM took {stopped_s:.1f} s"
        f" (at most {_MAX_STOP_S:.0f})"
    )
    is_passed = alive == asked == answered and noticed and stopped_s <= _MAX_STOP_S
    return StressResult("hung PostgreSQL", numbers, is_passed)


async def _ask(guests: list[Guest], settings: Settings, seconds: float) -> tuple[int, int]:
    """Let people ask in turn; return how many did, and how often the bot was alive."""
    asked = alive = 0
    ends_at = time.monotonic() + seconds
    while time.monotonic() < ends_at:
        guests[asked % len(guests)].ask(f"question{asked}")
        asked += 1
        alive += await _fetch(settings, "healthz") is not None
        await asyncio.sleep(_PACE_S)
    return asked, alive


async def _wait_until_down(settings: Settings) -> bool:
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        page = await _fetch(settings, "metrics")
        if page and re.search("^session_bot_storage_up 0", page, re.MULTILINE):
            return True
        await asyncio.sleep(0.2)
    return False


async def _count_answered(guests: list[Guest], asked: int) -> int:
    """Wait for all answers, or the deadline; return how many questions have one."""
    expected = {f"question{number}" for number in range(asked)}
    deadline = time.monotonic() + 2 * DEADLINE_S
    while time.monotonic() < deadline:
        answered = {name for guest in guests for name in guest.answered}
        if answered >= expected:
            break
        await asyncio.sleep(0.1)
    return len(answered & expected)


async def _fetch(settings: Settings, page: str) -> str | None:
    """Return the page; None where it does not come, or is an error."""
    timeout = aiohttp.ClientTimeout(total=5 * SLOWNESS)
    url = f"{settings.web.public_url}/{page}"
    with suppress(aiohttp.ClientError, TimeoutError):
        async with aiohttp.ClientSession(timeout=timeout) as http, http.get(url) as response:
            return await response.text() if response.status == 200 else None
    return None
