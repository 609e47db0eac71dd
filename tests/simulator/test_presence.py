"""Who is online, as the recordings of 6.5.3 and 8.3 tell it to those who follow somebody."""

import pytest

from tests.simulator.realtime_world import VERSIONS, Client, Frame, World, open_world

PRESENCE = "stream-user-presence"


def make_frame(world: World, code: int, text: str | None = None) -> Frame:
    user = world.alice
    fields = {"uid": user.id, "args": [[user.username, code, text]], "eventName": user.id}
    return {"msg": "changed", "collection": PRESENCE, "id": user.id, "fields": fields}


async def follow(client: Client, number: str, **change: list[str]) -> None:
    await client.send({"msg": "sub", "id": number, "name": PRESENCE, "params": ["", change]})


async def settle(client: Client) -> list[Frame]:
    return [frame for frame in await client.settle() if frame.get("collection") == PRESENCE]


@pytest.mark.parametrize("version", VERSIONS)
async def test_the_first_login_and_the_last_end_are_told(version: str) -> None:
    async with open_world(version) as world, world.log_in(world.bot) as bot:
        await follow(bot, "p1", added=[world.alice.id])
        assert (await bot.receive_until(msg="ready"))["subs"] == ["p1"]
        async with world.log_in(world.alice):
            assert await settle(bot) == [make_frame(world, 1)]
            async with world.log_in(world.alice):
                assert await settle(bot) == []
            assert await settle(bot) == []
        assert await bot.receive_until(msg="changed") == make_frame(world, 0)


@pytest.mark.parametrize("version", VERSIONS)
async def test_later_changes_are_refused_and_work_all_the_same(version: str) -> None:
    async with open_world(version) as world, world.log_in(world.bot) as bot:
        await follow(bot, "p1", added=[world.bot.id])
        await follow(bot, "p2", added=[world.alice.id])
        assert await bot.receive_until(msg="nosub") == {"msg": "nosub", "id": "p2"}
        async with world.log_in(world.alice):
            assert await settle(bot) == [make_frame(world, 1)]
            await follow(bot, "p3", removed=[world.alice.id])
            assert await bot.receive_until(msg="nosub") == {"msg": "nosub", "id": "p3"}
        assert await settle(bot) == []


async def test_the_end_of_the_first_subscription_ends_all() -> None:
    async with open_world() as world, world.log_in(world.bot) as bot:
        await follow(bot, "p1", added=[world.alice.id])
        await bot.send({"msg": "unsub", "id": "p1"})
        await bot.receive_until(msg="nosub", id="p1")
        async with world.log_in(world.alice):
            assert await settle(bot) == []


async def test_somebody_who_hides_never_comes_online() -> None:
    async with open_world() as world, world.log_in(world.bot) as bot:
        world.alice.is_shown_offline = True
        await follow(bot, "p1", added=[world.alice.id])
        async with world.log_in(world.alice):
            assert await settle(bot) == [make_frame(world, 0)]
