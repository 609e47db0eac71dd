"""Misbehaviour that tests ask the simulated workspace for."""

import asyncio
from time import monotonic

import aiohttp
import pytest

from tests.integration.caller import open_world
from tests.integration.provider import open_application


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
        async with asyncio.timeout(10):
            while (await old.get("me"))[0] != 401:
                pass
        overtaken = not late.done()
        answered, _ = await late

    assert overtaken
    assert answered == 200
    assert monotonic() - started >= 0.5
