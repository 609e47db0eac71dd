"""Misbehaviour that tests ask the simulated workspace for."""

import asyncio
from collections import Counter
from random import Random
from time import monotonic

import aiohttp
import pytest

from tests.support.deadlines import DEADLINE_S
from tests.support.oauth_provider import open_application
from tests.support.rest_caller import Clock, open_world


async def test_any_path_can_fail_and_then_works_again() -> None:
    async with open_application() as application:
        code = application.make_code()
        faults = application.world.simulator.faults
        faults.fail_next("/oauth/token", status=502, body="<html>")
        failed = await application.exchange(code)
        status, _ = await application.exchange(code)

    assert failed == (502, "<html>")
    assert status == 200


async def test_a_lost_answer_was_carried_out_all_the_same() -> None:
    async with open_application() as application:
        pair = await application.connect()
        application.world.simulator.faults.lose_answer("/oauth/token")
        with pytest.raises(aiohttp.ClientError):
            await application.refresh(pair["refresh_token"])
        status, body = await application.refresh(pair["refresh_token"])
        used, _ = await application.bearer(pair["access_token"]).get("me")

    assert (status, body["error_description"]) == (503, "Invalid token")
    assert used == 401


async def test_a_message_whose_answer_was_lost_stands_in_the_room() -> None:
    async with open_world() as world:
        room = world.workspace.direct_room(world.alice, world.bot)
        world.simulator.faults.lose_answer("chat.sendMessage")
        bot = world.sign_in(world.bot)
        message = {"_id": "own-id", "rid": room.id, "msg": "hello"}
        with pytest.raises(aiohttp.ClientError):
            await bot.post("chat.sendMessage", message=message)
        again, _ = await bot.post("chat.sendMessage", message=message)

    assert again == 400
    assert [each["msg"] for each in world.workspace.messages.of(room)] == ["hello"]


async def test_a_late_answer_was_carried_out_at_once() -> None:
    async with open_application(is_limited=False) as application:
        pair = await application.connect()
        application.world.simulator.faults.delay_answer("/oauth/token", 0.5)
        started = monotonic()
        late = asyncio.create_task(application.refresh(pair["refresh_token"]))
        old = application.bearer(pair["access_token"])
        async with asyncio.timeout(DEADLINE_S):
            while (await old.get("me"))[0] != 401:
                pass
        overtaken = not late.done()
        answered, _ = await late

    assert overtaken
    assert answered == 200
    assert monotonic() - started >= 0.5


async def test_a_hanging_answer_never_comes_and_the_next_one_does() -> None:
    async with open_world() as world:
        room = world.workspace.direct_room(world.alice, world.bot)
        world.simulator.faults.hang("chat.sendMessage")
        bot = world.sign_in(world.bot)
        asking = asyncio.create_task(
            bot.post("chat.sendMessage", message={"rid": room.id, "msg": "hello"})
        )
        async with asyncio.timeout(DEADLINE_S):
            while not world.workspace.messages.of(room):  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.01)
        await asyncio.wait([asking], timeout=0.2)
        assert not asking.done()
        asking.cancel()
        again, _ = await bot.post("chat.sendMessage", message={"rid": room.id, "msg": "again"})

    assert again == 200


async def test_a_held_answer_comes_when_it_may() -> None:
    async with open_world() as world:
        room, may_come = world.workspace.direct_room(world.alice, world.bot), asyncio.Event()
        world.simulator.faults.hold_answer("chat.sendMessage", may_come)
        message = {"rid": room.id, "msg": "hello"}
        bot = world.sign_in(world.bot)
        asking = asyncio.create_task(bot.post("chat.sendMessage", message=message))
        async with asyncio.timeout(DEADLINE_S):
            while not world.workspace.messages.of(room):  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.01)
        # Others are answered, and so would it be.
        assert (await bot.post("chat.sendMessage", message=message))[0] == 200
        assert not asking.done()
        may_come.set()
        assert (await asking)[0] == 200


async def test_a_slow_workspace_answers_everything_later() -> None:
    async with open_world(is_limited=False) as world:
        bot = world.sign_in(world.bot)
        world.simulator.faults.slowness = 0.3
        started = monotonic()
        assert (await bot.get("me"))[0] == 200
        assert monotonic() - started >= 0.3
        world.simulator.faults.clear()
        assert world.simulator.faults.slowness == 0


async def test_others_at_the_same_address_may_have_used_up_a_route() -> None:
    async with open_world() as world:
        world.simulator.limits.use_up("sessions/info")
        alice, bot = world.sign_in(world.alice), world.sign_in(world.bot)
        statuses = [(await alice.get("sessions/info", sessionId="x"))[0] for _ in range(2)]
        other, _ = await alice.get("sessions/list")
        exempt, _ = await bot.get("sessions/info", sessionId="x")

    assert statuses == [429, 429]
    assert (other, exempt) == (200, 404)


async def test_a_used_up_route_is_free_again_after_the_given_time() -> None:
    clock = Clock()
    async with open_world(now=clock) as world:
        alice = world.sign_in(world.alice)
        world.simulator.limits.use_up("sessions/list", 20.0)
        clock.move(seconds=8)
        early, body = await alice.get("sessions/list")
        clock.move(seconds=12)
        late, _ = await alice.get("sessions/list")
        world.simulator.limits.use_up("sessions/list", 20.0)
        clock.move(seconds=20)
        unnoticed, _ = await alice.get("sessions/list")

    assert (early, late, unnoticed) == (429, 200, 200)
    assert "You must wait 12 seconds" in body["error"]


async def test_a_share_of_all_calls_can_be_refused_until_that_is_forgotten() -> None:
    async with open_world() as world:
        faults, bot = world.simulator.faults, world.sign_in(world.bot)
        faults.fail_some({429: 0.3, 502: 0.2}, Random(1))  # noqa: S311 - no secret
        answers = Counter([(await bot.get("me"))[0] for _ in range(100)])
        faults.clear()
        after = Counter([(await bot.get("me"))[0] for _ in range(10)])

    assert after == {200: 10}
    assert answers.keys() == {200, 429, 502}
    assert 20 < answers[429] < 40
    assert 10 < answers[502] < 30
