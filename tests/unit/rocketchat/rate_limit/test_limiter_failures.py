import asyncio
from itertools import chain, repeat

import pytest

from bot.errors import RateLimitedError, UnreachableError
from bot.rocketchat.rate_limit.queue import QueuedCall
from bot.rocketchat.responses import Response
from tests.unit.rocketchat.rate_limit.limited_workspace import (
    FORTY_USERS,
    LimitedWorkspace,
    ScriptedUsers,
    call_all,
    now,
    start_calls,
    stop,
    use_up_window,
)
from tests.unit.rocketchat.rate_limit.virtual_time import run


def test_without_a_date_no_window_ends_too_early() -> None:
    async def scenario() -> None:
        users = ScriptedUsers(LimitedWorkspace(has_date=False, window=30.0))
        await call_all(users, FORTY_USERS)

        assert (users.order, users.workspace.refused) == (FORTY_USERS, 0)

    run(scenario())


def test_a_server_clock_that_was_set_back_is_followed() -> None:
    async def scenario() -> None:
        users = ScriptedUsers(LimitedWorkspace())
        await use_up_window(users)
        users.workspace.skew = -7200.0
        started = now()
        await call_all(users, FORTY_USERS)

        assert sorted(users.order[10:]) == sorted(FORTY_USERS)
        assert now() - started < 320
        assert users.workspace.refused <= 3

    run(scenario())


def test_calls_beyond_the_queue_limit_are_refused_with_their_wait() -> None:
    async def scenario() -> None:
        users = ScriptedUsers(LimitedWorkspace(), max_queued=30)
        await use_up_window(users)
        tasks = await start_calls(users, *FORTY_USERS[:30])
        with pytest.raises(RateLimitedError) as caught:
            await users.call_once("late")
        assert 225 < caught.value.retry_after < 242

        report = asyncio.create_task(users.call_once("report", is_background=True))
        await asyncio.gather(*tasks, report)
        assert "late" not in users.order
        assert "report" in users.order

    run(scenario())


def test_a_cancelled_call_leaves_no_trace() -> None:
    async def scenario() -> None:
        users = ScriptedUsers(LimitedWorkspace())
        await use_up_window(users)
        tasks = await start_calls(users, *FORTY_USERS)
        assert users.queued == 40
        assert users.is_timer_set
        await stop(tasks)

        assert (users.queued, users.is_timer_set) == (0, False)
        assert users.limiter.expected_wait(FORTY_USERS[0]) is None
        assert max(await call_all(users, FORTY_USERS[:10])) < users.workspace.ends_at + 1

    run(scenario())


def test_a_call_cancelled_on_admission_lets_the_next_one_go() -> None:
    async def scenario() -> None:
        users = ScriptedUsers(LimitedWorkspace(limit=1))
        await use_up_window(users)
        first, second = await start_calls(users, "first", "second")
        loop = asyncio.get_running_loop()
        (alarm,) = [each for each in users.timers if not each.cancelled()]
        loop.call_at(alarm.when(), first.cancel)
        await asyncio.wait([first, second])

        assert first.cancelled()
        assert users.order == ["early", "second"]

    run(scenario())


async def check_that_three_may_go(users: ScriptedUsers) -> None:
    """Check that three calls may be sent in a new window, so that none was counted wrongly."""
    await asyncio.sleep(100)
    tasks = [asyncio.create_task(users.call_once(user_id)) for user_id in FORTY_USERS]
    await asyncio.sleep(0)
    assert users.queued == 37
    await stop(tasks)


@pytest.mark.parametrize("user_id", ["person", "bot"])
@pytest.mark.parametrize("is_before", [True, False])
def test_a_call_cancelled_while_another_one_ends_leaves_no_trace(
    user_id: str, is_before: bool
) -> None:
    async def scenario() -> None:
        quick_then_slow = chain([(0.1, 0.1)], repeat((0.5, 0.5)))
        bot = frozenset({"bot"})
        users = ScriptedUsers(LimitedWorkspace(exempt=bot, takes=lambda: next(quick_then_slow)))
        given_up: list[asyncio.Task[float]] = []

        async def send() -> Response:
            answer = await users.workspace.serve(user_id)
            if is_before:
                given_up[0].cancel()
            else:
                asyncio.get_running_loop().call_soon(given_up[0].cancel)
            return answer

        ending = asyncio.create_task(users.limiter.run("GET v1/me", QueuedCall(user_id), send))
        others = [asyncio.create_task(users.call_once("slow")) for _ in range(2)]
        await asyncio.sleep(0)
        given_up.append(asyncio.create_task(users.call_once(user_id)))
        await asyncio.wait([ending, *others, *given_up])
        assert given_up[0].cancelled()
        await check_that_three_may_go(users)

    run(scenario())


def test_a_refused_call_is_queued_again_beyond_the_queue_limit() -> None:
    async def scenario() -> None:
        users = ScriptedUsers(LimitedWorkspace(), max_queued=5)
        await users.call_once("early")
        for _ in range(9):
            users.workspace.count("somebody else")
        first = asyncio.create_task(users.call_once("first"))
        await asyncio.sleep(0.01)
        others = [asyncio.create_task(users.call_once(user_id)) for user_id in FORTY_USERS[:13]]
        await asyncio.wait([first, *others])

        assert users.workspace.refused > 5
        assert set(users.statuses) == {200}
        assert not first.exception()

    run(scenario())


def test_a_gateways_429_is_waited_for_too() -> None:
    async def scenario() -> None:
        users = ScriptedUsers(LimitedWorkspace(is_on=False))
        await call_all(users, FORTY_USERS)
        answers = [Response(429, {"Retry-After": "7"}), Response(200, {}, {"success": True})]

        async def send() -> Response:
            return answers.pop(0)

        started = now()
        answer = await users.limiter.run("GET v1/me", QueuedCall("person 0"), send)
        assert answer.status == 200
        assert now() - started == pytest.approx(7)

    run(scenario())


def test_a_call_that_is_always_refused_ends_after_twenty_tries() -> None:
    async def scenario() -> None:
        users = ScriptedUsers(LimitedWorkspace(limit=1))
        users.workspace.ends_at, users.workspace.used = 1e9, 1
        await users.call_once("person")
        assert users.statuses == [429]
        assert users.workspace.refused == 20

    run(scenario())


def test_calls_without_a_response_are_counted() -> None:
    async def scenario() -> None:
        users = ScriptedUsers(LimitedWorkspace())
        await users.call_once("early")

        async def send() -> Response:
            await users.workspace.serve("lost")
            raise UnreachableError("no answer")

        for _ in range(5):
            with pytest.raises(UnreachableError):
                await users.limiter.run("GET v1/me", QueuedCall("lost"), send)
        await call_all(users, FORTY_USERS)
        assert users.workspace.refused == 0

    run(scenario())
