"""The realtime face as the microservice ddp-streamer: where it differs from Meteor."""

import uuid

import pytest

from rocketchat_simulator.workspace.documents import digest_password
from tests.simulator.realtime_world import (
    CONNECT,
    MY_MESSAGES,
    Client,
    World,
    open_world,
)
from tests.simulator.realtime_world import messages as get_messages

LOGGED_OUT = "You've been logged out by the server. Please log in again"


@pytest.mark.parametrize(
    ("version", "greeting"),
    [
        ("6.5", {"server_id": "0"}),
        ("8.3", {"msg": "server_id", "server_id": "0"}),
    ],
)
async def test_it_greets_first_and_its_session_ids_are_uuids(
    version: str, greeting: dict[str, str]
) -> None:
    async with open_world(version, is_streamer=True) as world, world.connect() as client:
        assert await client.receive() == greeting
        assert str(uuid.UUID(await client.greet()))


async def test_the_result_comes_before_updated_and_the_user_after_both() -> None:
    async with open_world("6.5", is_streamer=True) as world, world.connect() as client:
        await client.greet()
        login = {"resume": world.workspace.make_login_token(world.bot)}
        await client.send({"msg": "method", "method": "login", "id": "1", "params": [login]})
        kinds = [(await client.receive())["msg"] for _ in range(3)]
    assert kinds == ["result", "updated", "added"]


@pytest.mark.parametrize(
    "login",
    [
        {"user": {"username": "thebot"}, "password": {"digest": digest_password("secret")}},
        {"resume": "made up"},
    ],
)
async def test_only_a_good_token_logs_in(login: dict[str, object]) -> None:
    async with open_world(is_streamer=True) as world, world.connect() as client:
        await client.greet()
        error = (await client.call("login", login))["error"]
    assert (error["error"], error["reason"]) == (403, LOGGED_OUT)


@pytest.mark.parametrize(("version", "is_error"), [("8.3", True), ("8.8", False)])
async def test_a_method_of_meteor_s_without_a_result_was_not_found(
    version: str, is_error: bool
) -> None:
    async with (
        open_world(version, is_streamer=True) as world,
        world.log_in(world.alice) as client,
    ):
        message = {"rid": "unknown room", "msg": "hello"}
        answer = await client.call("sendMessage", message)
    assert ("error" in answer) is is_error
    assert "result" not in answer


async def test_typing_is_a_method_of_its_own_and_answers_nothing() -> None:
    async with (
        open_world(is_streamer=True) as world,
        world.log_in(world.alice) as client,
    ):
        event = f"{world.room.id}/user-activity"
        answer = await client.call("stream-notify-room", event, "alice", ["user-typing"], {})
    assert answer == {"msg": "result", "id": answer["id"]}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("no json", 1007),
        ("[1]", 1007),
        ('{"msg":"method","method":"login"}', 1002),
        ('{"msg":"sub","id":"1"}', 1002),
        ('{"msg":"unsub"}', 1002),
    ],
)
async def test_what_is_malformed_closes_with_a_code(text: str, code: int) -> None:
    async with open_world(is_streamer=True) as world, world.connect() as client:
        await client.greet()
        await client.socket.send_str(text)
        assert await client.wait_for_close() == code


async def test_a_first_frame_that_is_not_connect_closes_with_1002() -> None:
    async with open_world(is_streamer=True) as world, world.connect() as client:
        assert (await client.receive())["server_id"] == "0"
        await client.send({"msg": "sub", "id": "1", "name": "x", "params": []})
        assert await client.wait_for_close() == 1002


async def test_any_protocol_version_is_welcome() -> None:
    async with open_world(is_streamer=True) as world, world.connect() as client:
        await client.send(CONNECT | {"version": "pre0"})
        assert await client.receive_until(msg="connected")


async def test_what_it_does_not_know_it_passes_over() -> None:
    async with (
        open_world(is_streamer=True) as world,
        world.log_in(world.alice) as client,
    ):
        await client.send({"msg": "unsub", "id": "unknown"})
        await client.send({"msg": "nonsense"})
        await client.send(CONNECT)
        assert await client.settle() == []


async def test_a_used_subscription_id_delivers_twice() -> None:
    async with open_world(is_streamer=True) as world, world.log_in(world.bot) as client:
        assert await is_told_of_one(world, client) == 1
        assert await is_told_of_one(world, client) == 2
        await client.send({"msg": "unsub", "id": "s1"})
        assert (await client.receive())["msg"] == "nosub"
        world.workspace.say(world.alice, world.room, "hello")
        assert len(get_messages(await client.settle())) == 1


async def is_told_of_one(world: World, client: Client) -> int:
    assert (await client.subscribe(*MY_MESSAGES, number="s1"))["msg"] == "ready"
    world.workspace.say(world.alice, world.room, "hello")
    return len(get_messages(await client.settle()))


async def test_after_a_logout_the_connection_is_closed_with_1002() -> None:
    async with open_world(is_streamer=True) as world, world.log_in(world.alice) as client:
        assert "error" not in await client.call("logout")
        await client.receive_until(msg="updated")
        assert await client.wait_for_close() == 1002


async def test_a_token_that_is_taken_away_closes_nothing() -> None:
    async with open_world(is_streamer=True) as world:
        token = world.workspace.make_personal_access_token(world.bot, "bot")
        async with world.log_in(world.bot, token) as client:
            await client.subscribe(*MY_MESSAGES)
            world.workspace.remove_personal_access_token(world.bot, "bot")
            world.workspace.say(world.alice, world.room, "hello")
            assert len(get_messages(await client.settle())) == 1


# The close frame of 8.3 has no code, which aiohttp's client calls 1000.
@pytest.mark.parametrize(("version", "code"), [("6.5", 1006), ("8.3", 1000)])
async def test_a_session_that_is_logged_out_is_closed_as_the_version_does(
    version: str, code: int
) -> None:
    async with open_world(version, is_streamer=True) as world, world.connect() as client:
        session_id = await client.greet()
        login = {"resume": world.workspace.make_login_token(world.bot)}
        await client.call("login", login)
        await client.settle()
        assert world.workspace.logout_session(session_id, by=world.bot)
        assert await client.wait_for_close() == code


async def test_a_client_that_says_nothing_is_pinged_at_once_and_closed_with_4000() -> None:
    async with (
        open_world(is_streamer=True, ping_after=10.0, pong_within=0.1) as world,
        world.connect() as client,
    ):
        assert await client.receive_until(msg="ping")
        assert await client.wait_for_close() == 4000


async def test_a_client_that_answers_pings_stays() -> None:
    async with (
        open_world(is_streamer=True, ping_after=0.05, pong_within=5.0) as world,
        world.connect() as client,
    ):
        await client.greet()
        for _ in range(3):
            await client.receive_until(msg="ping")
            await client.send({"msg": "pong"})
        assert await client.settle()
