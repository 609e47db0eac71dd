"""The websocket of the simulated workspace: connecting, logging in, silence and failure."""

import asyncio
import hashlib

import pytest
from rocketchat_async import RocketChat

from tests.simulator.realtime_world import (
    MY_MESSAGES,
    TIMEOUT_S,
    VERSIONS,
    Frame,
    eventually,
    open_world,
)


async def test_a_greeting_may_come_before_everything_else() -> None:
    async with open_world(has_greeting=True) as world, world.connect() as client:
        assert await client.receive() == {"server_id": "0"}


async def test_a_client_that_does_not_connect_first_is_told_so() -> None:
    frame = {"msg": "method", "method": "login", "id": "1", "params": []}
    async with open_world() as world, world.connect() as client:
        await client.send(frame)

        answer = await client.receive()

    assert answer == {"msg": "error", "reason": "Must connect first", "offendingMessage": frame}


async def test_broken_json_is_a_bad_request() -> None:
    async with open_world() as world, world.connect() as client:
        await client.socket.send_str("garbage{")

        assert await client.receive() == {"msg": "error", "reason": "Bad request"}


async def test_an_unknown_protocol_version_fails_and_is_closed() -> None:
    async with open_world() as world, world.connect() as client:
        await client.send({"msg": "connect", "version": "9", "support": ["9"]})

        assert await client.receive() == {"msg": "failed", "version": "1"}
        assert await client.wait_for_close() == 1000


@pytest.mark.parametrize(
    ("version", "order"),
    [
        ("6.5", ["added", "updated", "result"]),
        ("8.3", ["updated", "result", "added"]),
    ],
)
async def test_login_tells_about_the_user_in_the_order_of_the_version(
    version: str, order: list[str]
) -> None:
    async with open_world(version) as world, world.connect() as client:
        await client.greet()
        await client.settle()
        token = world.workspace.make_login_token(world.bot)
        await client.call("login", {"resume": token})

        assert [frame["msg"] for frame in await client.settle()] == order


@pytest.mark.parametrize(
    ("version", "code", "reason"),
    [
        ("6.5", 403, "You've been logged out by the server. Please log in again."),
        ("8.3", 401, "User not found"),
    ],
)
async def test_a_dead_token_is_refused_as_the_version_does(
    version: str, code: int, reason: str
) -> None:
    async with open_world(version) as world, world.connect() as client:
        await client.greet()

        answer = await client.call("login", {"resume": "no such token"})

    assert answer["error"]["error"] == code
    assert answer["error"]["reason"] == reason
    assert answer["error"]["message"] == f"{reason} [{code}]"


async def test_a_password_login_makes_a_token_and_a_session_that_nobody_can_look_up() -> None:
    digest = hashlib.sha256(b"secret").hexdigest()
    password = {"digest": digest, "algorithm": "sha-256"}
    async with open_world() as world, world.connect() as client:
        session_id = await client.greet()

        answer = await client.call("login", {"user": {"username": "thebot"}, "password": password})

        assert answer["result"]["type"] == "password"
        assert world.workspace.user_of_token(answer["result"]["token"]) is world.bot
        assert world.workspace.sessions.find(session_id) is None


async def test_a_resumed_login_is_a_session_with_its_device_until_the_connection_ends() -> None:
    agent = "RC Mobile; ios 17.5.1; v4.52.0 (54321)"
    headers = {"User-Agent": agent, "X-Real-IP": "203.0.113.9"}
    async with open_world() as world:
        async with world.connect(**headers) as client:
            session_id = await client.greet()
            token = world.workspace.make_login_token(world.bot)
            await client.call("login", {"resume": token})
            row = world.workspace.sessions.find(session_id, owner=world.bot)

            assert row is not None
            assert row["ip"] == "203.0.113.9"
            assert row["device"]["name"] == "RC Mobile"
            assert "closedAt" not in row
        await eventually(lambda: "closedAt" in row)


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_revoked_token_closes_its_connections_without_a_word(version: str) -> None:
    async with open_world(version) as world:
        token = world.workspace.make_login_token(world.bot)
        async with world.log_in(world.bot, token) as client, world.log_in(world.bot) as other:
            world.workspace.revoke_token(token)

            assert await client.wait_for_close() == 1000
            assert await other.settle() == []


async def test_a_deactivated_user_is_disconnected() -> None:
    async with open_world() as world, world.log_in(world.bot) as client:
        world.workspace.people.set_active(world.bot, is_active=False)

        assert await client.wait_for_close() == 1000


async def test_logging_out_keeps_the_connection_but_not_the_login() -> None:
    async with open_world() as world, world.log_in(world.bot) as client:
        answer = await client.call("logout")
        refused = await client.call("sendMessage", {"rid": world.room.id, "msg": "hello"})

    assert answer.keys() == {"msg", "id"}
    assert refused["error"]["error"] == "error-invalid-user"


async def test_a_silent_client_is_pinged_and_closed_when_it_does_not_answer() -> None:
    async with open_world(ping_after=0.1, pong_within=0.1) as world, world.connect() as client:
        await client.greet()

        assert await client.receive() == {"msg": "ping"}
        assert await client.wait_for_close() == 1000


async def test_a_client_that_answers_pings_stays() -> None:
    async with open_world(ping_after=0.05, pong_within=2.0) as world, world.connect() as client:
        await client.greet()
        for _ in range(4):
            await client.receive_until(msg="ping")
            await client.send({"msg": "pong"})

        assert world.server.connections == 1


async def test_a_ping_is_answered_with_its_id() -> None:
    async with open_world() as world, world.connect() as client:
        await client.greet()
        await client.send({"msg": "ping", "id": "x"})
        assert await client.receive() == {"msg": "pong", "id": "x"}
        await client.send({"msg": "ping"})
        assert await client.receive() == {"msg": "pong"}


async def test_dropped_connections_end_without_a_closing_handshake() -> None:
    async with open_world() as world, world.log_in(world.bot) as client:
        await world.server.drop_all()

        assert await client.wait_for_close() == 1006
        await eventually(lambda: not world.server.connections)


async def test_a_hanging_connection_is_silent_but_open() -> None:
    async with open_world() as world, world.log_in(world.bot) as client:
        await client.subscribe(*MY_MESSAGES)
        await client.settle()
        world.server.hang()
        world.workspace.say(world.alice, world.room, "hello")
        await client.send({"msg": "ping"})

        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.socket.receive(), 0.3)
        assert world.server.connections == 1
        await world.server.drop_all()


async def test_connections_made_after_hanging_are_served() -> None:
    async with open_world() as world, world.log_in(world.bot):
        world.server.hang()
        async with world.log_in(world.alice) as client:
            assert await client.settle() == []
        await world.server.drop_all()


@pytest.mark.parametrize("version", VERSIONS)
async def test_the_bot_s_library_logs_in_listens_and_speaks(version: str) -> None:
    heard: asyncio.Queue[Frame] = asyncio.Queue()
    async with open_world(version) as world, asyncio.timeout(TIMEOUT_S):
        client = RocketChat()
        token = world.workspace.make_login_token(world.bot)
        await client.resume(world.url, "thebot", token)
        assert client.user_id == world.bot.id
        await client.subscribe_to_channel_messages_raw("__my_messages__", heard.put_nowait)
        await client.get_channels_raw()
        world.workspace.say(world.alice, world.room, "hello")
        first = await heard.get()
        await client.send_message("good morning", world.room.id)
        second = await heard.get()
        await world.server.drop_all()
        with pytest.raises(RocketChat.ConnectionClosed):
            await client.run_forever()

    assert [first["msg"], second["msg"]] == ["hello", "good morning"]
    assert second["u"]["username"] == "thebot"
