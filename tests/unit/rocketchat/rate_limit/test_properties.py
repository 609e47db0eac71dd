"""Whatever people do and however slow the way is: nobody is refused, nobody waits for ever."""

import asyncio
import random
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from tests.support.fuzzing import scale_examples
from tests.unit.rocketchat.rate_limit.limited_workspace import LimitedWorkspace, Town
from tests.unit.rocketchat.rate_limit.virtual_time import run

BEFORE_ANYTHING_IS_KNOWN = 3


@dataclass(frozen=True)
class Step:
    at: float
    user_id: str
    is_background: bool = False
    given_up_after: float | None = None


users = st.sampled_from(["ann", "bob", "cid", "dan"])
seconds = st.floats(0, 90, allow_subnormal=False)
patient = st.builds(Step, seconds, users, st.booleans())
impatient = st.builds(Step, seconds, users, st.booleans(), st.none() | st.floats(0, 40))
limits = st.integers(1, 12)
windows = st.sampled_from([1.0, 7.5, 60.0])
delays = st.sampled_from([0.0, 0.05, 2.0, 14.0])


def make_workspace(limit: int, window: float, delay: float, seed: int) -> LimitedWorkspace:
    dice = random.Random(seed)  # noqa: S311 - a test's dice
    return LimitedWorkspace(
        limit=limit,
        window=window,
        skew=dice.uniform(-100, 100),
        takes=lambda: (dice.uniform(0, delay), dice.uniform(0, delay)),
    )


async def follow(town: Town, step: Step) -> None:
    await asyncio.sleep(step.at)
    try:
        async with asyncio.timeout(step.given_up_after):
            await town.ask(step.user_id, is_background=step.is_background)
    except TimeoutError:
        assert step.given_up_after is not None


async def play(town: Town, steps: list[Step]) -> None:
    await asyncio.gather(*(follow(town, step) for step in steps))
    assert (town.budget.waiting, town.is_alarm_set) == (0, False)
    assert set(town.statuses) <= {200}


@scale_examples(300)
@given(st.lists(patient, max_size=60), limits, windows, delays, st.integers(0, 99))
def test_never_more_calls_than_a_window_allows(
    steps: list[Step], limit: int, window: float, delay: float, seed: int
) -> None:
    async def story() -> None:
        town = Town(make_workspace(limit, window, delay, seed))
        await play(town, steps)
        assert town.workspace.refused <= max(0, BEFORE_ANYTHING_IS_KNOWN - limit)
        assert len(town.statuses) == len(steps)

    run(story())


@scale_examples(300)
@given(st.lists(impatient, max_size=60), limits, windows, delays, st.integers(0, 99))
def test_who_gives_up_takes_nobody_elses_place(
    steps: list[Step], limit: int, window: float, delay: float, seed: int
) -> None:
    async def story() -> None:
        town = Town(make_workspace(limit, window, delay, seed))
        await play(town, steps)
        # What was on its way when it was given up may have been counted late or not at all.
        given_up = sum(step.given_up_after is not None for step in steps)
        first = max(0, BEFORE_ANYTHING_IS_KNOWN - limit)
        assert town.workspace.refused <= given_up + first
        assert len(town.statuses) >= len(steps) - given_up

    run(story())


@scale_examples(100)
@given(
    st.lists(impatient, max_size=40),
    st.lists(patient, max_size=40),
    limits,
    windows,
    delays,
    st.integers(0, 99),
)
def test_processes_that_share_an_address_all_get_through(
    ours: list[Step], theirs: list[Step], limit: int, window: float, delay: float, seed: int
) -> None:
    async def story() -> None:
        workspace = make_workspace(limit, window, delay, seed)
        here, there = Town(workspace), Town(workspace)
        await asyncio.gather(play(here, ours), play(there, theirs))
        assert len(there.statuses) == len(theirs)

    run(story())
