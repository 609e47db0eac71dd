import asyncio
from datetime import UTC, datetime, timedelta

from rocketchat_simulator.demo.clock import DemoClock
from tests.support.deadlines import DEADLINE_S


async def test_it_runs_like_any_other_until_it_is_moved() -> None:
    clock = DemoClock()
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=1)
    await clock.sleep(0.01)
    assert clock.lead == timedelta()


async def test_a_sleeper_wakes_when_the_clock_passes_its_time() -> None:
    clock = DemoClock()
    short, long = (asyncio.create_task(clock.sleep(hours * 3600)) for hours in (1, 3))
    await asyncio.sleep(0)
    clock.move_to(clock.now() + timedelta(hours=2))
    async with asyncio.timeout(DEADLINE_S):
        await short
    assert not long.done()
    clock.move_to(clock.now() + timedelta(hours=2))
    async with asyncio.timeout(DEADLINE_S):
        await long


async def test_it_never_goes_back() -> None:
    clock = DemoClock()
    clock.move_to(clock.now() + timedelta(days=1))
    lead = clock.lead
    clock.move_to(clock.now() - timedelta(hours=5))
    assert clock.lead == lead > timedelta(hours=23)
