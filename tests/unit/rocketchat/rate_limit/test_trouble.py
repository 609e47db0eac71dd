import asyncio
from itertools import chain, repeat

import pytest

from bot.errors import RateLimitedError, UnreachableError
from bot.rocketchat.rate_limit.queue import QueuedCall
from bot.rocketchat.responses import Response
from tests.unit.rocketchat.rate_limit.limited_workspace import (
    FORTY,
    LimitedWorkspace,
    Town,
    ask_all,
    exhaust,
    now,
    start_asking,
    stop,
)
from tests.unit.rocketchat.rate_limit.virtual_time import run


def test_without_a_date_windows_are_taken_for_longer_than_they_are() -> None:
    async def story() -> None:
        town = Town(LimitedWorkspace(has_date=False, window=30.0))
        await ask_all(town, FORTY)

        assert (town.order, town.workspace.refused) == (FORTY, 0)

    run(story())


def test_a_server_whose_clock_is_set_back_is_believed() -> None:
    async def story() -> None:
        town = Town(LimitedWorkspace())
        await exhaust(town)
        town.workspace.skew = -7200.0
        began = now()
        await ask_all(town, FORTY)

        assert sorted(town.order[10:]) == sorted(FORTY)
        assert now() - began < 320
        assert town.workspace.refused <= 3

    run(story())


def test_too_many_are_refused_at_once_and_told_when() -> None:
    async def story() -> None:
        town = Town(LimitedWorkspace(), most_waiting=30)
        await exhaust(town)
        tasks = await start_asking(town, *FORTY[:30])
        with pytest.raises(RateLimitedError) as caught:
            await town.ask("late")
        assert 225 < caught.value.retry_after < 242

        report = asyncio.create_task(town.ask("report", is_background=True))
        await asyncio.gather(*tasks, report)
        assert "late" not in town.order
        assert "report" in town.order

    run(story())


def test_a_call_that_is_given_up_leaves_no_trace() -> None:
    async def story() -> None:
        town = Town(LimitedWorkspace())
        await exhaust(town)
        tasks = await start_asking(town, *FORTY)
        assert town.budget.waiting == 40
        assert town.is_alarm_set
        await stop(tasks)

        assert (town.budget.waiting, town.is_alarm_set) == (0, False)
        assert town.budget.expected_wait(FORTY[0]) is None
        assert max(await ask_all(town, FORTY[:10])) < town.workspace.ends_at + 1

    run(story())


def test_a_call_given_up_in_the_moment_of_its_turn_passes_it_on() -> None:
    async def story() -> None:
        town = Town(LimitedWorkspace(limit=1))
        await exhaust(town)
        first, second = await start_asking(town, "first", "second")
        loop = asyncio.get_running_loop()
        (alarm,) = [each for each in town.alarms if not each.cancelled()]
        loop.call_at(alarm.when(), first.cancel)
        await asyncio.wait([first, second])

        assert first.cancelled()
        assert town.order == ["early", "second"]

    run(story())


async def check_that_three_may_go(town: Town) -> None:
    """In a new window three go ahead; fewer or more if a call was counted wrongly."""
    await asyncio.sleep(100)
    tasks = [asyncio.create_task(town.ask(user_id)) for user_id in FORTY]
    await asyncio.sleep(0)
    assert town.budget.waiting == 37
    await stop(tasks)


@pytest.mark.parametrize("user_id", ["person", "bot"])
@pytest.mark.parametrize("is_before", [True, False])
def test_a_call_given_up_while_another_one_ends_leaves_no_trace(
    user_id: str, is_before: bool
) -> None:
    async def story() -> None:
        quick_then_slow = chain([(0.1, 0.1)], repeat((0.5, 0.5)))
        bot = frozenset({"bot"})
        town = Town(LimitedWorkspace(exempt=bot, takes=lambda: next(quick_then_slow)))
        given_up: list[asyncio.Task[float]] = []

        async def send() -> Response:
            answer = await town.workspace.serve(user_id)
            if is_before:
                given_up[0].cancel()
            else:
                asyncio.get_running_loop().call_soon(given_up[0].cancel)
            return answer

        ending = asyncio.create_task(town.budget.ask("GET v1/me", QueuedCall(user_id), send))
        others = [asyncio.create_task(town.ask("slow")) for _ in range(2)]
        await asyncio.sleep(0)
        given_up.append(asyncio.create_task(town.ask(user_id)))
        await asyncio.wait([ending, *others, *given_up])
        assert given_up[0].cancelled()
        await check_that_three_may_go(town)

    run(story())


def test_who_was_refused_keeps_the_place_though_many_wait() -> None:
    async def story() -> None:
        town = Town(LimitedWorkspace(), most_waiting=5)
        await town.ask("early")
        for _ in range(9):
            town.workspace.count("somebody else")
        first = asyncio.create_task(town.ask("first"))
        await asyncio.sleep(0.01)
        others = [asyncio.create_task(town.ask(user_id)) for user_id in FORTY[:13]]
        await asyncio.wait([first, *others])

        assert town.workspace.refused > 5
        assert set(town.statuses) == {200}
        assert not first.exception()

    run(story())


def test_a_gateways_429_is_waited_out_too() -> None:
    async def story() -> None:
        town = Town(LimitedWorkspace(is_on=False))
        await ask_all(town, FORTY)
        answers = [Response(429, {"Retry-After": "7"}), Response(200, {}, {"success": True})]

        async def send() -> Response:
            return answers.pop(0)

        began = now()
        answer = await town.budget.ask("GET v1/me", QueuedCall("person 0"), send)
        assert answer.status == 200
        assert now() - began == pytest.approx(7)

    run(story())


def test_who_is_refused_for_ever_is_told_in_the_end() -> None:
    async def story() -> None:
        town = Town(LimitedWorkspace(limit=1))
        town.workspace.ends_at, town.workspace.used = 1e9, 1
        await town.ask("person")
        assert town.statuses == [429]
        assert town.workspace.refused == 20

    run(story())


def test_calls_without_an_answer_count_as_if_they_had_arrived() -> None:
    async def story() -> None:
        town = Town(LimitedWorkspace())
        await town.ask("early")

        async def send() -> Response:
            await town.workspace.serve("lost")
            raise UnreachableError("no answer")

        for _ in range(5):
            with pytest.raises(UnreachableError):
                await town.budget.ask("GET v1/me", QueuedCall("lost"), send)
        await ask_all(town, FORTY)
        assert town.workspace.refused == 0

    run(story())
