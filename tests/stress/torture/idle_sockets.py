"""Somebody opens a thousand connections to the pages and says nothing on them."""

import asyncio
import resource
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

import aiohttp

from tests.stress.torture.checks import StressResult, find_p95
from tests.support.people import Guest
from tests.support.programs import run_program, write_config
from tests.support.stage import open_stage
from tests.support.storage_faults import choose_port

_SOCKETS: Final = 1050
_MAX_FILES: Final = 1024
"""Files that the bot may open, as is usual; a container may allow so many that none is missing."""
_PACE_S: Final = 0.5
_PEOPLE: Final = 10
_MAX_ANSWER_S: Final = 2.0
_MAX_LOG_PER_S: Final = 16 * 1024  # bytes; it was two million


async def try_idle_sockets(folder: Path, seconds: float) -> StressResult:
    """Measure how long answers take meanwhile, and how much is logged."""
    async with open_stage(folder, bots=0, limit_calls=100_000) as stage:
        settings = choose_port(stage.settings)
        async with run_program(write_config(folder / "bot.toml", settings)) as program:
            _, hard = resource.prlimit(program.process.pid, resource.RLIMIT_NOFILE)
            resource.prlimit(program.process.pid, resource.RLIMIT_NOFILE, (_MAX_FILES, hard))
            guests = [stage.invite(f"person{number}") for number in range(_PEOPLE)]
            logged_before = sum(map(len, program.log))
            began_at = time.monotonic()
            async with asyncio.TaskGroup() as tasks:
                opened: list[int] = []
                holding = tasks.create_task(_hold_sockets(settings.web.port, opened))
                times, healthy = await _ask(guests, settings.web.public_url, seconds)
                holding.cancel()
            rate = (sum(map(len, program.log)) - logged_before) / (time.monotonic() - began_at)
    slow = find_p95(times)
    numbers = (
        f"{len(opened)} connections; {len(times)} answers, p95 {1000 * slow:.0f} ms; /healthz"
        f" answered {healthy} times; {rate / 1024:.1f} KiB of log a second"
    )
    is_well = slow < _MAX_ANSWER_S and rate < _MAX_LOG_PER_S and healthy == len(times)
    return StressResult("idle sockets", numbers, is_well and len(opened) > _MAX_FILES)


async def _hold_sockets(port: int, opened: list[int]) -> None:
    """Open so many connections, note each, and leave them as they are, until cancelled."""
    async with asyncio.TaskGroup() as tasks:
        for number in range(_SOCKETS):
            tasks.create_task(_hold_socket(port, number, opened))


async def _hold_socket(port: int, number: int, opened: list[int]) -> None:
    with suppress(OSError):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        opened.append(number)
        try:
            await reader.read()
        finally:
            writer.close()


async def _ask(guests: list[Guest], url: str, seconds: float) -> tuple[list[float], int]:
    """Let people ask in turn; return how long the answers took, and how often it was healthy."""
    times: list[float] = []
    healthy = 0
    ends_at = time.monotonic() + seconds
    while time.monotonic() < ends_at:
        guest = guests[len(times) % len(guests)]
        began_at, name = time.monotonic(), f"question{len(times)}"
        guest.ask(name)
        await guest.wait_for_text(name)
        times.append(time.monotonic() - began_at)
        healthy += await _is_healthy(url)
        await asyncio.sleep(_PACE_S)
    return times, healthy


async def _is_healthy(url: str) -> bool:
    timeout = aiohttp.ClientTimeout(total=5)
    with suppress(aiohttp.ClientError, TimeoutError):
        async with (
            aiohttp.ClientSession(timeout=timeout) as http,
            http.get(f"{url}/healthz") as page,
        ):
            return page.status == 200
    return False
