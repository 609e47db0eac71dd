"""Known differences from a real server on the websocket, about messages; A and M as in the list."""

from typing import Any

import pytest

from tests.simulator.realtime_world import MY_MESSAGES, VERSIONS, Client, World, open_world

STREAM, MINE = MY_MESSAGES
ADDED = {"msg": "added", "collection": STREAM, "id": "id", "fields": {"eventName": MINE}}
COLLECTIONS = ((True, True), ({"useCollection": True, "args": []}, True), (False, False))


@pytest.mark.parametrize("is_streamer", [False, True])
@pytest.mark.parametrize("version", VERSIONS)
async def test_a1_a_document_is_added_before_ready_where_it_is_wanted(
    version: str, is_streamer: bool
) -> None:
    async with (
        open_world(version, is_streamer=is_streamer) as world,
        world.log_in(world.bot) as client,
    ):
        for number, (option, is_wanted) in enumerate(COLLECTIONS):
            params = [MINE, option]
            await client.send({"msg": "sub", "id": f"s{number}", "name": STREAM, "params": params})
            frames = await client.settle()
            ready = {"msg": "ready", "subs": [f"s{number}"]}
            assert frames == ([ADDED, ready] if is_wanted else [ready])


async def test_a1_it_is_added_for_every_stream() -> None:
    async with open_world("8.3") as world, world.log_in(world.bot) as client:
        streams = {"stream-notify-room": f"{world.room.id}/user-activity"}
        streams |= {"stream-notify-user": f"{world.bot.id}/message", "stream-user-presence": ""}
        for name, event in streams.items():
            await client.send({"msg": "sub", "id": name, "name": name, "params": [event, True]})
            added, ready = await client.settle()
            assert (added["collection"], added["fields"]) == (name, {"eventName": event})
            assert ready == {"msg": "ready", "subs": [name]}


@pytest.mark.parametrize(("version", "closes"), [("6.5", True), ("8.3", False)])
async def test_a5_a_removed_token_closes_its_websocket_on_6_5_only(
    version: str, closes: bool
) -> None:
    async with open_world(version) as world:
        token = world.workspace.make_personal_access_token(world.bot, "bot")
        async with world.log_in(world.bot, token) as client:
            world.workspace.remove_personal_access_token(world.bot, "bot")
            if closes:
                assert await client.wait_for_close() == 1000
            else:
                assert await client.settle() == []
                world.workspace.people.set_active(world.bot, is_active=False)


async def test_a5_a_logout_and_a_deactivation_close_it_on_8_3_too() -> None:
    async with open_world("8.3") as world:
        token = world.workspace.make_login_token(world.bot)
        personal = world.workspace.make_personal_access_token(world.bot, "bot")
        async with (
            world.log_in(world.bot, token) as client,
            world.log_in(world.bot, personal) as other,
        ):
            world.workspace.logout(world.bot, token)
            assert await client.wait_for_close() == 1000
            world.workspace.people.set_active(world.bot, is_active=False)
            assert await other.wait_for_close() == 1000


@pytest.mark.parametrize("version", VERSIONS)
async def test_a7_the_sender_of_a_refused_message_is_told_before_the_answer(version: str) -> None:
    async with open_world(version) as world:
        foreign = world.workspace.make_channel("secret", [world.alice], is_private=True)
        async with world.log_in(world.bot) as client:
            await client.subscribe("stream-notify-user", f"{world.bot.id}/message")
            await client.settle()
            texts = []
            for rid in ("nope", foreign.id):
                answer = await client.call("sendMessage", {"rid": rid, "msg": "x"})
                told, last = [each for each in await client.settle() if each["msg"] != "updated"]
                assert last == answer
                message = told["fields"]["args"][0]
                assert (message["u"]["username"], message["private"]) == ("rocket.cat", True)
                texts.append(message["msg"])

    assert texts == ["Invalid room", "Not allowed"]
    assert answer["error"]["error"] == "error-not-allowed"


@pytest.mark.parametrize("version", VERSIONS)
async def test_m_methods_about_messages(version: str) -> None:
    async with open_world(version) as world:
        said = world.workspace.say(world.alice, world.room, "hello", id="hello")
        admin = world.workspace.add_user("root", roles=("admin",))
        world.workspace.rooms.add_member(world.room, admin)
        async with world.log_in(world.alice) as alice, world.log_in(admin) as root:
            await _check_changes(world, alice, said)
            await _check_reading(world, alice)
            notice = (await root.call("pinMessage", {"_id": "hello"}))["result"]
            unpinned = (await root.call("unpinMessage", {"_id": "hello"}))["result"]
            refused = (await alice.call("pinMessage", {"_id": "hello"}))["error"]

    assert (notice["t"], unpinned, refused["error"]) == ("message_pinned", True, "not-authorized")


async def _check_changes(world: World, alice: Client, said: dict[str, Any]) -> None:
    edited = await alice.call("updateMessage", {"_id": "hello", "msg": "changed"})
    moved = await alice.call("updateMessage", {"_id": "hello", "rid": "x", "msg": "y"})
    starred = await alice.call(
        "starMessage", {"_id": "hello", "rid": world.room.id, "starred": True}
    )
    unread = world.workspace.rooms.subscription(world.bot, world.room)
    await alice.call("readMessages", world.room.id)

    assert "error" not in edited
    assert (said["msg"], moved["error"]["error"]) == ("changed", "error-invalid-update-key")
    assert (starred["result"], said["starred"]) == (True, [{"_id": world.alice.id}])
    assert unread is not None


async def _check_reading(world: World, alice: Client) -> None:
    loaded = (await alice.call("loadHistory", world.room.id, None, 1, None))["result"]
    nowhere = (await alice.call("loadHistory", "nope", None, 1, None))["result"]
    since = {"lastUpdate": {"$date": 0}}
    synced = (await alice.call("messages/get", world.room.id, since))["result"]
    found = (await alice.call("spotlight", "the", [], {"users": True, "rooms": True}))["result"]
    unknown = (await alice.call("no.such"))["error"]

    assert [each["msg"] for each in loaded["messages"]] == ["changed"]
    assert nowhere is False
    assert [each["_id"] for each in synced["updated"]] == ["hello"]
    assert [each["username"] for each in found["users"]] == ["thebot"]
    assert unknown["error"] == 404
