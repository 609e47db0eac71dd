import asyncio

import pytest

from bot.rocketchat.rate_limit.queue import QueuedCall
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


def test_forty_at_once_are_answered_in_turn_and_nobody_is_refused() -> None:
    async def story() -> None:
        town = Town(LimitedWorkspace())
        began = now()
        finished = await ask_all(town, FORTY)

        assert (town.order, town.workspace.refused) == (FORTY, 0)
        assert 180 < max(finished) - began < 186
        assert (town.budget.waiting, town.is_alarm_set) == (0, False)

    run(story())


@pytest.mark.parametrize("skew", [-86_400.0, -0.7, 0.3, 86_400.0])
def test_the_clocks_need_not_agree(skew: float) -> None:
    async def story() -> None:
        town = Town(LimitedWorkspace(skew=skew))
        began = now()
        finished = await ask_all(town, FORTY)

        assert (town.order, town.workspace.refused) == (FORTY, 0)
        assert max(finished) - began < 186

    run(story())


def test_who_is_not_counted_is_not_slowed() -> None:
    async def story() -> None:
        town = Town(LimitedWorkspace(exempt=frozenset({"bot"})))
        await exhaust(town)
        began = now()
        tasks = await start_asking(town, "person")
        finished = await ask_all(town, ["bot"] * 100)
        assert max(finished) < began + 2 + 70

        again = await ask_all(town, ["bot"] * 100)
        assert max(again) - max(finished) < 0.1
        await stop(tasks)

    run(story())


def test_a_burst_of_the_bots_own_leaves_the_peoples_count_as_it_is() -> None:
    async def story() -> None:
        town = Town(LimitedWorkspace(exempt=frozenset({"bot"})))
        await ask_all(town, ["bot"] * 100)
        await ask_all(town, FORTY)
        assert town.workspace.refused == 0

    run(story())


def test_a_bot_that_loses_its_exemption_is_counted_like_others() -> None:
    async def story() -> None:
        town = Town(LimitedWorkspace(exempt=frozenset({"bot"})))
        await exhaust(town)
        await ask_all(town, ["bot"] * 4)
        town.workspace.exempt = frozenset()
        await asyncio.sleep(60)
        await town.ask("bot")
        await ask_all(town, ["bot"] * 40)
        assert town.workspace.refused == 0

    run(story())


def test_a_bot_that_is_never_counted_waits_only_for_its_first_answer() -> None:
    async def story() -> None:
        town = Town(LimitedWorkspace(exempt=frozenset({"bot"})))
        began = now()
        assert max(await ask_all(town, ["bot"] * 100)) - began < 0.11

    run(story())


def test_where_no_limit_is_on_nobody_waits() -> None:
    async def story() -> None:
        town = Town(LimitedWorkspace(is_on=False))
        began = now()
        assert max(await ask_all(town, FORTY)) - began < 0.11

        town.workspace.is_on = True
        await ask_all(town, FORTY)
        assert set(town.statuses) == {200}

    run(story())


def test_a_limit_that_is_raised_is_used() -> None:
    async def story() -> None:
        town = Town(LimitedWorkspace())
        await exhaust(town)
        town.workspace.limit = 100
        began = now()
        assert max(await ask_all(town, FORTY)) - began < 62
        assert town.workspace.refused == 0

    run(story())


def test_another_process_on_the_same_address_is_reckoned_with() -> None:
    async def story() -> None:
        workspace = LimitedWorkspace()
        towns = [Town(workspace), Town(workspace)]
        await asyncio.gather(*(ask_all(town, FORTY) for town in towns))

        assert set(towns[0].statuses + towns[1].statuses) == {200}
        assert workspace.refused <= 30

    run(story())


def test_one_users_many_calls_let_another_users_one_go_before() -> None:
    async def story() -> None:
        town = Town(LimitedWorkspace(limit=1))
        await exhaust(town)
        await asyncio.gather(*(town.ask(each) for each in ["many"] * 5 + ["few", "few", "one"]))

        assert town.order[1:] == ["many", "few", "one", "many", "few", "many", "many", "many"]

    run(story())


def test_people_go_before_schedules_but_schedules_come_to_an_end() -> None:
    async def story() -> None:
        town = Town(LimitedWorkspace(limit=1))
        await exhaust(town)
        reports = [town.ask("report", is_background=True) for _ in range(3)]
        await asyncio.gather(*reports, ask_all(town, FORTY[:20]))

        nine = town.order.index("report", 1)
        assert town.order[1:nine] == FORTY[:9]
        assert town.order[-1] == "report"
        assert town.order.count("report") == 3

    run(story())


def test_times_that_were_cut_to_milliseconds_are_no_trap() -> None:
    async def story() -> None:
        town = Town(LimitedWorkspace(limit=1, window=30.0009, takes=lambda: (0.0, 0.0)))
        await town.ask("early")
        await ask_all(town, FORTY[:1])
        assert town.workspace.refused == 0

    run(story())


def test_the_wait_is_foretold() -> None:
    async def story() -> None:
        town = Town(LimitedWorkspace())
        await exhaust(town)
        began = now()
        tasks = await start_asking(town, *FORTY)
        foretold = [town.budget.expected_wait(user_id) for user_id in FORTY]
        finished = await asyncio.gather(*tasks)

        assert town.budget.expected_wait("nobody") is None
        for wait, moment in zip(foretold, finished, strict=True):
            assert wait is not None
            assert abs(began + 1 + wait - moment) < 5

    run(story())


def test_what_is_left_is_shown() -> None:
    async def story() -> None:
        town = Town(LimitedWorkspace())
        assert town.budget.remaining == {}
        await ask_all(town, FORTY[:4])
        assert town.budget.remaining == {"GET v1/me": 6}
        await asyncio.sleep(61)
        assert town.budget.remaining == {"GET v1/me": 10}

    run(story())


def test_routes_do_not_wait_for_each_other() -> None:
    async def story() -> None:
        town = Town(LimitedWorkspace())
        await exhaust(town)
        tasks = await start_asking(town, "person")
        other = LimitedWorkspace()
        began = now()
        await town.budget.ask("POST v1/me", QueuedCall("person"), lambda: other.serve("person"))
        assert now() - began < 0.1
        await stop(tasks)

    run(story())
