"""The streams and methods of the simulated workspace."""

import pytest

from tests.simulator.realtime_world import (
    MY_MESSAGES,
    VERSIONS,
    messages,
    open_world,
)


async def test_messages_of_every_readable_room_arrive_and_say_whether_one_is_in_it() -> None:
    async with open_world() as world, world.log_in(world.bot) as client:
        await client.subscribe(*MY_MESSAGES)
        foreign = world.workspace.make_channel("foreign", [world.alice])
        secret = world.workspace.make_channel("secret", [world.alice], is_private=True)
        await client.settle()
        for room in (world.room, foreign, secret):
            world.workspace.say(world.alice, room, "hello")

        arrived = messages(await client.settle())

    assert [about for _, about in arrived] == [
        {"roomParticipant": True, "roomType": "d"},
        {"roomParticipant": False, "roomType": "c", "roomName": "foreign"},
    ]


async def test_a_room_s_own_stream_delivers_the_message_alone() -> None:
    async with open_world() as world, world.log_in(world.bot) as client:
        await client.subscribe("stream-room-messages", world.room.id)
        world.workspace.say(world.alice, world.room, "hello")

        [args] = messages(await client.settle())

    assert [message["msg"] for message in args] == ["hello"]


async def test_a_stream_of_an_unknown_room_is_refused() -> None:
    async with open_world() as world, world.log_in(world.bot) as client:
        answer = await client.subscribe("stream-room-messages", "nowhere")

    assert answer["msg"] == "nosub"
    assert answer["error"]["error"] == "not-allowed"


async def test_somebody_else_s_own_stream_is_refused() -> None:
    async with open_world() as world, world.log_in(world.bot) as client:
        answer = await client.subscribe("stream-notify-user", f"{world.alice.id}/message")

    assert answer["msg"] == "nosub"


async def test_a_subscription_made_before_login_lives_on_and_a_second_one_doubles() -> None:
    async with open_world() as world, world.connect() as client:
        await client.greet()
        early = await client.subscribe(*MY_MESSAGES, number="early")
        await client.call("login", {"resume": world.workspace.make_login_token(world.bot)})
        await client.settle()
        world.workspace.say(world.alice, world.room, "one")
        once = messages(await client.settle())
        await client.subscribe(*MY_MESSAGES, number="late")
        await client.settle()
        world.workspace.say(world.alice, world.room, "two")
        twice = messages(await client.settle())

    assert early == {"msg": "ready", "subs": ["early"]}
    assert [len(once), len(twice)] == [1, 2]


async def test_a_used_subscription_id_is_ignored_in_silence() -> None:
    async with open_world() as world, world.log_in(world.bot) as client:
        await client.subscribe(*MY_MESSAGES)
        await client.settle()
        frame = {"msg": "sub", "id": "s1", "name": "stream-room-messages", "params": ["x", False]}
        await client.send(frame)

        assert await client.settle() == []


async def test_nothing_arrives_after_unsubscribing() -> None:
    async with open_world() as world, world.log_in(world.bot) as client:
        await client.subscribe(*MY_MESSAGES)
        await client.send({"msg": "unsub", "id": "s1"})
        assert await client.receive_until(msg="nosub") == {"msg": "nosub", "id": "s1"}
        world.workspace.say(world.alice, world.room, "hello")

        assert messages(await client.settle()) == []


@pytest.mark.parametrize(
    ("version", "order"),
    [("6.5", ["changed", "updated", "result"]), ("8.3", ["updated", "result", "changed"])],
)
async def test_one_s_own_message_is_echoed_in_the_order_of_the_version(
    version: str, order: list[str]
) -> None:
    async with open_world(version) as world, world.log_in(world.bot) as client:
        await client.subscribe(*MY_MESSAGES)
        await client.settle()
        await client.call("sendMessage", {"rid": world.room.id, "msg": "hello"})

        assert [frame["msg"] for frame in await client.settle()] == order


async def test_a_subscription_change_and_a_notification_come_before_the_message() -> None:
    async with open_world() as world, world.log_in(world.bot) as client:
        await client.subscribe(*MY_MESSAGES, number="a")
        for event in ("notification", "subscriptions-changed"):
            await client.subscribe("stream-notify-user", f"{world.bot.id}/{event}", number=event)
        await client.settle()
        world.workspace.say(world.alice, world.room, "hello")

        events = [frame["fields"]["eventName"] for frame in await client.settle()]

    assert events == [
        f"{world.bot.id}/subscriptions-changed",
        f"{world.bot.id}/notification",
        "__my_messages__",
    ]


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_message_to_an_unknown_room_fails_in_silence(version: str) -> None:
    async with open_world(version) as world, world.log_in(world.bot) as client:
        answer = await client.call("sendMessage", {"rid": "nowhere", "msg": "hello"})

    assert answer == {"msg": "result", "id": answer["id"]}


async def test_a_message_with_a_used_id_fails_in_silence() -> None:
    async with open_world() as world, world.log_in(world.bot) as client:
        message = {"_id": "mine", "rid": world.room.id, "msg": "hello"}
        first = await client.call("sendMessage", message)
        second = await client.call("sendMessage", message)

    assert first["result"]["_id"] == "mine"
    assert second.keys() == {"msg", "id"}


@pytest.mark.parametrize(("version", "stored"), [("6.5", 8), ("8.3", 5)])
async def test_a_bot_may_send_as_many_messages_a_second_as_the_version_lets_it(
    version: str, stored: int
) -> None:
    async with open_world(version) as world, world.log_in(world.bot) as client:
        answers = [
            await client.call("sendMessage", {"rid": world.room.id, "msg": str(number)})
            for number in range(8)
        ]

    assert sum("result" in answer for answer in answers) == stored
    errors = {answer["error"]["error"] for answer in answers if "error" in answer}
    assert errors <= {"too-many-requests"}


async def test_typing_is_shown_to_others_under_one_s_own_name_only() -> None:
    async with (
        open_world() as world,
        world.log_in(world.alice) as alice,
        world.log_in(world.bot) as bot,
    ):
        event = f"{world.room.id}/user-activity"
        for client in (alice, bot):
            await client.subscribe("stream-notify-room", event)
            await client.settle()
        for name in ("somebody", "thebot"):
            answer = await bot.call("stream-notify-room", event, name, ["user-typing"], {})
            assert answer.keys() == {"msg", "id"}
        shown = [frame["fields"]["args"] for frame in await alice.settle()]
        echoed = [frame for frame in await bot.settle() if frame["msg"] == "changed"]

    assert shown == [["thebot", ["user-typing"], {}]]
    assert echoed == []


@pytest.mark.parametrize(("version", "is_known"), [("6.5", True), ("8.3", False)])
async def test_reactions_over_the_websocket_are_gone_since_8(
    version: str, *, is_known: bool
) -> None:
    async with open_world(version) as world, world.log_in(world.bot) as client:
        message = world.workspace.say(world.alice, world.room, "hello")
        answer = await client.call("setReaction", ":ok:", message["_id"], True)  # noqa: FBT003 - the wire's order

    assert ("error" not in answer) is is_known
    assert ("reactions" in message) is is_known


async def test_an_unknown_method_is_not_found() -> None:
    async with open_world() as world, world.log_in(world.bot) as client:
        answer = await client.call("noSuchMethod")

    assert answer["error"]["message"] == "Method 'noSuchMethod' not found [404]"


async def test_rooms_and_subscriptions_can_be_asked_for() -> None:
    async with open_world() as world, world.log_in(world.bot) as client:
        rooms = (await client.call("rooms/get", {"$date": 0}))["result"]
        rows = (await client.call("subscriptions/get"))["result"]

    assert world.room.id in {room["_id"] for room in rooms["update"]}
    assert world.room.id in {row["rid"] for row in rows}
