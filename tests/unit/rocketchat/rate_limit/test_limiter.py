import asyncio

import pytest

from bot.rocketchat.rate_limit.queue import QueuedCall
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


def test_forty_calls_at_once_are_answered_in_order_and_none_refused() -> None:
    async def scenario() -> None:
        users = ScriptedUsers(LimitedWorkspace())
        started = now()
        finished = await call_all(users, FORTY_USERS)

        assert (users.order, users.workspace.refused) == (FORTY_USERS, 0)
        assert 180 < max(finished) - started < 186
        assert (users.queued, users.is_timer_set) == (0, False)

    run(scenario())


@pytest.mark.parametrize("skew", [-86_400.0, -0.7, 0.3, 86_400.0])
def test_the_servers_clock_may_differ(skew: float) -> None:
    async def scenario() -> None:
        users = ScriptedUsers(LimitedWorkspace(skew=skew))
        started = now()
        finished = await call_all(users, FORTY_USERS)

        assert (users.order, users.workspace.refused) == (FORTY_USERS, 0)
        assert max(finished) - started < 186

    run(scenario())


def test_exempt_calls_are_not_delayed() -> None:
    async def scenario() -> None:
        users = ScriptedUsers(LimitedWorkspace(exempt=frozenset({"bot"})))
        await use_up_window(users)
        started = now()
        tasks = await start_calls(users, "person")
        finished = await call_all(users, ["bot"] * 100)
        assert max(finished) < started + 2 + 70

        again = await call_all(users, ["bot"] * 100)
        assert max(again) - max(finished) < 0.1
        await stop(tasks)

    run(scenario())


def test_exempt_calls_do_not_use_up_the_window() -> None:
    async def scenario() -> None:
        users = ScriptedUsers(LimitedWorkspace(exempt=frozenset({"bot"})))
        await call_all(users, ["bot"] * 100)
        await call_all(users, FORTY_USERS)
        assert users.workspace.refused == 0

    run(scenario())


def test_a_user_that_is_no_longer_exempt_is_counted() -> None:
    async def scenario() -> None:
        users = ScriptedUsers(LimitedWorkspace(exempt=frozenset({"bot"})))
        await use_up_window(users)
        await call_all(users, ["bot"] * 4)
        users.workspace.exempt = frozenset()
        await asyncio.sleep(60)
        await users.call_once("bot")
        await call_all(users, ["bot"] * 40)
        assert users.workspace.refused == 0

    run(scenario())


def test_an_exempt_user_waits_for_the_first_response_only() -> None:
    async def scenario() -> None:
        users = ScriptedUsers(LimitedWorkspace(exempt=frozenset({"bot"})))
        started = now()
        assert max(await call_all(users, ["bot"] * 100)) - started < 0.11

    run(scenario())


def test_without_a_limit_no_call_waits() -> None:
    async def scenario() -> None:
        users = ScriptedUsers(LimitedWorkspace(is_on=False))
        started = now()
        assert max(await call_all(users, FORTY_USERS)) - started < 0.11

        users.workspace.is_on = True
        await call_all(users, FORTY_USERS)
        assert set(users.statuses) == {200}

    run(scenario())


def test_a_limit_that_is_raised_is_used() -> None:
    async def scenario() -> None:
        users = ScriptedUsers(LimitedWorkspace())
        await use_up_window(users)
        users.workspace.limit = 100
        started = now()
        assert max(await call_all(users, FORTY_USERS)) - started < 62
        assert users.workspace.refused == 0

    run(scenario())


def test_two_processes_on_one_address_share_the_window() -> None:
    async def scenario() -> None:
        workspace = LimitedWorkspace()
        both = [ScriptedUsers(workspace), ScriptedUsers(workspace)]
        await asyncio.gather(*(call_all(users, FORTY_USERS) for users in both))

        assert set(both[0].statuses + both[1].statuses) == {200}
        assert workspace.refused <= 30

    run(scenario())


def test_users_are_served_round_robin() -> None:
    async def scenario() -> None:
        users = ScriptedUsers(LimitedWorkspace(limit=1))
        await use_up_window(users)
        await asyncio.gather(
            *(users.call_once(each) for each in ["many"] * 5 + ["few", "few", "one"])
        )

        assert users.order[1:] == ["many", "few", "one", "many", "few", "many", "many", "many"]

    run(scenario())


def test_people_come_before_schedules_and_schedules_still_finish() -> None:
    async def scenario() -> None:
        users = ScriptedUsers(LimitedWorkspace(limit=1))
        await use_up_window(users)
        reports = [users.call_once("report", is_background=True) for _ in range(3)]
        await asyncio.gather(*reports, call_all(users, FORTY_USERS[:20]))

        nine = users.order.index("report", 1)
        assert users.order[1:nine] == FORTY_USERS[:9]
        assert users.order[-1] == "report"
        assert users.order.count("report") == 3

    run(scenario())


def test_a_reset_time_cut_to_milliseconds_is_not_too_early() -> None:
    async def scenario() -> None:
        users = ScriptedUsers(LimitedWorkspace(limit=1, window=30.0009, takes=lambda: (0.0, 0.0)))
        await users.call_once("early")
        await call_all(users, FORTY_USERS[:1])
        assert users.workspace.refused == 0

    run(scenario())


def test_the_wait_of_every_queued_call_is_estimated() -> None:
    async def scenario() -> None:
        users = ScriptedUsers(LimitedWorkspace())
        await use_up_window(users)
        started = now()
        tasks = await start_calls(users, *FORTY_USERS)
        expected = [users.limiter.expected_wait(user_id) for user_id in FORTY_USERS]
        finished = await asyncio.gather(*tasks)

        assert users.limiter.expected_wait("nobody") is None
        for wait, moment in zip(expected, finished, strict=True):
            assert wait is not None
            assert abs(started + 1 + wait - moment) < 5

    run(scenario())


def test_the_remaining_calls_of_a_window_are_shown() -> None:
    async def scenario() -> None:
        users = ScriptedUsers(LimitedWorkspace())
        assert users.limiter.remaining == {}
        await call_all(users, FORTY_USERS[:4])
        assert users.limiter.remaining == {"GET v1/me": 6}
        await asyncio.sleep(61)
        assert users.limiter.remaining == {"GET v1/me": 10}

    run(scenario())


def test_routes_are_limited_separately() -> None:
    async def scenario() -> None:
        users = ScriptedUsers(LimitedWorkspace())
        await use_up_window(users)
        tasks = await start_calls(users, "person")
        other = LimitedWorkspace()
        started = now()
        await users.limiter.run("POST v1/me", QueuedCall("person"), lambda: other.serve("person"))
        assert now() - started < 0.1
        await stop(tasks)

    run(scenario())


def test_schedules_leave_a_fifth_of_a_window_to_people_until_it_is_about_to_end() -> None:
    async def scenario() -> None:
        users = ScriptedUsers(LimitedWorkspace(limit=10))
        started = now()
        reports = [
            asyncio.create_task(users.call_once("report", is_background=True)) for _ in range(12)
        ]
        await asyncio.sleep(30)
        assert users.order.count("report") == 8
        asked = now()
        assert await users.call_once("person") - asked < 1
        done = sorted(await asyncio.gather(*reports))
        # What nobody has asked for is used in the window's last tenth; the rest in the next one.
        assert [54 < each - started < 56 for each in done].count(True) == 1
        assert [each - started > 60 for each in done].count(True) == 3
        assert users.workspace.refused == 0

    run(scenario())
