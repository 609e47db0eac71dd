"""The realtime API: where the simulator differed from a real 8.3, and methods that it lacked."""

from collections.abc import AsyncIterator, Sequence

import pytest

from tests.simulator.realtime_world import VERSIONS, Client, Frame, World, open_world

pytestmark = pytest.mark.parametrize("version", VERSIONS)


@pytest.fixture
async def world(version: str) -> AsyncIterator[World]:
    async with open_world(version) as world:
        yield world


async def _sub(client: Client, name: str, params: Sequence[object] | None) -> Frame:
    client.calls += 1
    frame: Frame = {"msg": "sub", "id": f"sub-{client.calls}", "name": name}
    await client.send(frame if params is None else frame | {"params": params})
    return await client.receive()


async def test_subscriptions_are_answered_as_on_a_real_server(world: World) -> None:
    async with world.log_in(world.bot) as client:
        empty = await _sub(client, "stream-room-messages", ["", False])
        nothing = await _sub(client, "stream-room-messages", None)
        ready = [
            await _sub(client, name, params)
            for name, params in (
                ("meteor.loginServiceConfiguration", []),
                ("stream-user-presence", ["", {"added": []}]),
                ("stream-roles", ["roles", False]),
                ("stream-apps", ["app/added", False]),
            )
        ]

    assert (empty["msg"], empty["error"]["error"]) == ("nosub", "invalid-event-name")
    assert (nothing["msg"], nothing["error"]["error"]) == ("nosub", 500)
    assert nothing["error"]["reason"] == "Internal server error"
    assert [frame["msg"] for frame in ready] == ["ready"] * 4


async def test_methods_are_answered_as_on_a_real_server(world: World) -> None:
    channel = world.workspace.make_channel("general", [world.alice])
    async with world.log_in(world.bot) as client:
        nothing = await client.call("sendMessage")
        await client.settle()
        await client.send({"msg": "method", "id": "m", "method": "noSuch", "params": []})
        order = [frame["msg"] for frame in await client.settle()]
        joined = await client.call("joinRoom", channel.id)
        again = await client.call("joinRoom", channel.id)

    assert nothing["error"]["message"] == "Match failed [400]"
    assert order == ["result", "updated"]
    assert joined["result"] is True
    assert not {"result", "error"} & again.keys()


async def test_the_sender_is_told_of_their_own_subscription(world: World, version: str) -> None:
    event = f"{world.bot.id}/subscriptions-changed"
    async with world.log_in(world.bot) as client:
        await client.subscribe("stream-notify-user", event)
        await client.settle()
        world.workspace.say(world.bot, world.room, "mine")
        frames = await client.settle()

    changed = [frame["fields"]["args"] for frame in frames if frame["msg"] == "changed"]
    if version == "6.5":
        # Its rows of subscriptions were not touched in the recording.
        assert not changed
    else:
        [(action, row)] = changed
        assert (action, row["rid"], row["unread"]) == ("updated", world.room.id, 0)


async def test_a_logout_ends_the_streams_and_removes_the_user(world: World) -> None:
    async with world.log_in(world.bot) as client:
        await client.subscribe("stream-room-messages", "__my_messages__", "s1")
        await client.subscribe("stream-notify-user", f"{world.bot.id}/message", "s2")
        await client.settle()
        await client.call("logout")
        frames = await client.settle()
        world.workspace.say(world.alice, world.room, "unheard")
        later = await client.settle()

    ended = [frame["id"] for frame in frames if frame["msg"] == "nosub"]
    removed = [frame for frame in frames if frame["msg"] == "removed"]
    assert ended == ["s1", "s2"]
    assert removed == [{"msg": "removed", "collection": "users", "id": world.bot.id}]
    assert not later


async def test_a_client_says_that_its_user_is_away(world: World) -> None:
    async with world.log_in(world.bot) as one, world.log_in(world.bot) as other:
        away = await one.call("UserPresence:away")
        with_another = world.bot.status
        await other.call("UserPresence:away")
        alone = world.bot.status
        await one.call("UserPresence:online")
        back = world.bot.status

    assert away["result"] is True
    assert (with_another, alone, back) == ("online", "away", "online")


async def test_rooms_are_named_and_left(world: World) -> None:
    channel = world.workspace.make_channel("team", [world.alice, world.bot])
    secret = world.workspace.make_channel("secret", [world.alice], is_private=True)
    async with world.log_in(world.bot) as client:
        name = await client.call("getRoomNameById", channel.id)
        hidden = await client.call("getRoomNameById", secret.id)
        left = await client.call("leaveRoom", channel.id)
        again = await client.call("leaveRoom", channel.id)
        settings = await client.call("public-settings/get")

    assert name["result"] == "team"
    assert hidden["error"]["error"] == "error-not-allowed"
    assert not {"result", "error"} & left.keys()
    assert not channel.has(world.bot)
    assert again["error"]["error"] == "error-user-not-in-room"
    assert {"_id": "UI_Use_Real_Name", "value": False} in settings["result"]
