"""With any calls and any delays, no call is refused and every call is answered."""

import asyncio
import random
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from tests.support.fuzzing import scale_examples
from tests.unit.rocketchat.rate_limit.limited_workspace import LimitedWorkspace, ScriptedUsers
from tests.unit.rocketchat.rate_limit.virtual_time import run

MAX_FIRST_CALLS = 3


@dataclass(frozen=True)
class Step:
    at: float
    user_id: str
    is_background: bool = False
    cancelled_after: float | None = None


user_ids = st.sampled_from(["ann", "bob", "cid", "dan"])
delays_s = st.floats(0, 90, allow_subnormal=False)
completed_calls = st.builds(Step, delays_s, user_ids, st.booleans())
maybe_cancelled_calls = st.builds(
    Step, delays_s, user_ids, st.booleans(), st.none() | st.floats(0, 40)
)
limits = st.integers(1, 12)
windows = st.sampled_from([1.0, 7.5, 60.0])
delays = st.sampled_from([0.0, 0.05, 2.0, 14.0])


def make_workspace(limit: int, window: float, delay: float, seed: int) -> LimitedWorkspace:
    generator = random.Random(seed)  # noqa: S311 - a test's dice
    return LimitedWorkspace(
        limit=limit,
        window=window,
        skew=generator.uniform(-100, 100),
        takes=lambda: (generator.uniform(0, delay), generator.uniform(0, delay)),
    )


async def run_step(users: ScriptedUsers, step: Step) -> None:
    await asyncio.sleep(step.at)
    try:
        async with asyncio.timeout(step.cancelled_after):
            await users.call_once(step.user_id, is_background=step.is_background)
    except TimeoutError:
        assert step.cancelled_after is not None


async def run_steps(users: ScriptedUsers, steps: list[Step]) -> None:
    await asyncio.gather(*(run_step(users, step) for step in steps))
    assert (users.queued, users.is_timer_set) == (0, False)
    assert set(users.statuses) <= {200}


@scale_examples(300)
@given(st.lists(completed_calls, max_size=60), limits, windows, delays, st.integers(0, 99))
def test_never_more_calls_than_a_window_allows(
    steps: list[Step], limit: int, window: float, delay: float, seed: int
) -> None:
    async def scenario() -> None:
        users = ScriptedUsers(make_workspace(limit, window, delay, seed))
        await run_steps(users, steps)
        assert users.workspace.refused <= max(0, MAX_FIRST_CALLS - limit)
        assert len(users.statuses) == len(steps)

    run(scenario())


@scale_examples(300)
@given(st.lists(maybe_cancelled_calls, max_size=60), limits, windows, delays, st.integers(0, 99))
def test_cancelled_calls_take_no_capacity_from_others(
    steps: list[Step], limit: int, window: float, delay: float, seed: int
) -> None:
    async def scenario() -> None:
        users = ScriptedUsers(make_workspace(limit, window, delay, seed))
        await run_steps(users, steps)
        # A call in flight when it was cancelled may have been counted late or not at all.
        cancelled = sum(step.cancelled_after is not None for step in steps)
        first = max(0, MAX_FIRST_CALLS - limit)
        assert users.workspace.refused <= cancelled + first
        assert len(users.statuses) >= len(steps) - cancelled

    run(scenario())


@scale_examples(100)
@given(
    st.lists(maybe_cancelled_calls, max_size=40),
    st.lists(completed_calls, max_size=40),
    limits,
    windows,
    delays,
    st.integers(0, 99),
)
def test_processes_that_share_an_address_all_get_through(
    own_steps: list[Step],
    other_steps: list[Step],
    limit: int,
    window: float,
    delay: float,
    seed: int,
) -> None:
    async def scenario() -> None:
        workspace = make_workspace(limit, window, delay, seed)
        own_users, other_users = ScriptedUsers(workspace), ScriptedUsers(workspace)
        await asyncio.gather(run_steps(own_users, own_steps), run_steps(other_users, other_steps))
        assert len(other_users.statuses) == len(other_steps)

    run(scenario())
