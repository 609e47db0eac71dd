"""Connecting, logging in and subscribing."""

import asyncio
from dataclasses import replace

import pytest
from structlog.testing import capture_logs
from websockets.exceptions import ConnectionClosed

from bot.errors import ProtocolError, StorageError, TokenRejectedError
from bot.models import AuthToken
from bot.rocketchat.realtime import RealtimeClient
from tests.support.scripted_workspace import (
    BOT_ID,
    QUICK,
    QUICK_BACKOFF,
    TIMEOUT_S,
    TOKEN,
    Peer,
    Script,
    open_client,
    open_workspace,
    serve_client,
    until,
)


async def run_to_the_end(url: str, token: AuthToken = TOKEN) -> None:
    async with asyncio.timeout(TIMEOUT_S):
        await RealtimeClient(url, token, settings=QUICK, backoff=QUICK_BACKOFF).run(
            on_message=lambda _: None
        )


async def has_fallen_silent(peer: Peer) -> bool:
    try:
        async with asyncio.timeout(0.05):
            await peer.receive()
    except TimeoutError:
        return True
    return False


async def test_each_connection_logs_in_and_has_one_subscription_of_each() -> None:
    async with open_workspace(serve_client) as workspace, open_client(workspace.url) as client:
        peer = await workspace.peer()
        await until(client.realtime.is_live)
        assert [(frame["msg"], frame.get("name")) for frame in peer.received] == [
            ("connect", None),
            ("method", None),
            ("sub", "stream-room-messages"),
            ("sub", "stream-notify-user"),
        ]
        assert peer.received[2]["params"][0] == "__my_messages__"
        assert peer.received[3]["params"] == [f"{BOT_ID}/force_logout", False]


async def test_it_waits_for_connected_and_for_the_result_of_the_login() -> None:
    async def slowly(peer: Peer) -> None:
        await peer.send({"server_id": "0"})
        await peer.receive()
        assert await has_fallen_silent(peer)
        await peer.send({"msg": "connected", "session": peer.session})
        request = await peer.receive()
        await peer.send({"msg": "updated", "methods": [request["id"]]})
        assert await has_fallen_silent(peer)
        await peer.send({"msg": "result", "id": request["id"], "result": {"id": BOT_ID}})
        subscribing = await peer.receive()
        assert await has_fallen_silent(peer)
        await peer.send({"msg": "ready", "subs": [subscribing["id"]]})
        await peer.confirm()
        peer.is_live.set()
        await peer.keep_open()

    async with open_workspace(slowly) as workspace, open_client(workspace.url) as client:
        await workspace.peer()
        await until(client.realtime.is_live)


async def test_the_result_may_come_before_updated_as_from_ddp_streamer() -> None:
    async def streamer(peer: Peer) -> None:
        await peer.send({"server_id": "0"})
        await peer.connect()
        request = await peer.receive()
        await peer.send({"msg": "result", "id": request["id"], "result": {"id": BOT_ID}})
        await peer.send({"msg": "updated", "methods": [request["id"]]})
        await peer.send({"msg": "added", "collection": "users", "id": BOT_ID, "fields": {}})
        await peer.confirm()
        await peer.confirm()
        peer.is_live.set()
        await peer.keep_open()

    async with open_workspace(streamer) as workspace, open_client(workspace.url) as client:
        await workspace.peer()
        await until(client.realtime.is_live)


@pytest.mark.parametrize("code", [401, 403])
async def test_a_refused_token_ends_the_run(code: int) -> None:
    async def refuse(peer: Peer) -> None:
        await peer.refuse_login(code)
        await peer.keep_open()

    async with open_workspace(refuse) as workspace:
        with pytest.raises(TokenRejectedError, match="User not found"):
            await run_to_the_end(workspace.url)
        assert len(workspace.peers) == 1


async def test_a_refused_token_ends_the_run_even_if_the_socket_closes_at_once() -> None:
    async with open_workspace(lambda peer: peer.refuse_login(403)) as workspace:
        with pytest.raises(TokenRejectedError):
            await run_to_the_end(workspace.url)


async def test_a_token_of_another_user_ends_the_run() -> None:
    other = AuthToken("somebody else", TOKEN.secret)
    async with open_workspace(serve_client) as workspace:
        with pytest.raises(TokenRejectedError, match="another user id"):
            await run_to_the_end(workspace.url, other)


async def test_another_protocol_version_ends_the_run() -> None:
    async def fail(peer: Peer) -> None:
        await peer.receive()
        await peer.send({"msg": "failed", "version": "pre1"})

    async with open_workspace(fail) as workspace:
        with pytest.raises(ProtocolError, match="DDP version 1"):
            await run_to_the_end(workspace.url)


async def refuse_for_another_reason(peer: Peer) -> None:
    await peer.refuse_login("error-login-blocked-for-ip")


async def refuse_without_words(peer: Peer) -> None:
    await peer.connect()
    await peer.send({"msg": "result", "id": (await peer.receive())["id"], "error": "no"})


async def answer_without_a_user(peer: Peer) -> None:
    await peer.connect()
    await peer.send({"msg": "result", "id": (await peer.receive())["id"]})


async def refuse_messages(peer: Peer) -> None:
    await peer.connect()
    await peer.log_in()
    await peer.refuse()
    await peer.keep_open()


async def end_subscription_later(peer: Peer) -> None:
    await peer.accept_client()
    await peer.send({"msg": "nosub", "id": peer.received[2]["id"]})
    await peer.keep_open()


@pytest.mark.parametrize(
    "script",
    [
        refuse_for_another_reason,
        refuse_without_words,
        answer_without_a_user,
        refuse_messages,
        end_subscription_later,
    ],
)
async def test_every_other_failure_of_the_login_is_retried(script: Script) -> None:
    async with (
        open_workspace(script, serve_client) as workspace,
        open_client(workspace.url) as client,
    ):
        await workspace.peer(2)
        await until(client.realtime.is_live)


async def test_it_waits_as_long_as_a_rate_limited_login_says() -> None:
    async def refuse(peer: Peer) -> None:
        await peer.refuse_login("too-many-requests", details={"timeToReset": 250})

    with capture_logs() as logs:
        async with open_workspace(refuse, serve_client) as workspace, open_client(workspace.url):
            await workspace.peer(2)
    assert [log["seconds_to_next_try"] for log in logs if "reason" in log] == [0.25]


async def test_it_goes_live_without_the_logout_stream() -> None:
    async def half(peer: Peer) -> None:
        await peer.connect()
        await peer.log_in()
        await peer.confirm()
        await peer.refuse()
        peer.is_live.set()
        await peer.keep_open()

    async with open_workspace(half) as workspace, open_client(workspace.url) as client:
        await workspace.peer()
        await until(client.realtime.is_live)


async def test_messages_are_received_while_it_catches_up_and_is_not_live() -> None:
    caught_up = asyncio.Event()

    async def chatty(peer: Peer) -> None:
        await peer.accept_client()
        await peer.send_message("in between")
        await peer.keep_open()

    async def catch_up() -> None:
        await caught_up.wait()

    async with (
        open_workspace(chatty) as workspace,
        open_client(workspace.url, before_live=catch_up) as client,
    ):
        await client.wait_for_texts("in between")
        assert not client.realtime.is_live()
        caught_up.set()
        await until(client.realtime.is_live)


@pytest.mark.parametrize(
    "failure", [ProtocolError("HTML"), StorageError("locked"), KeyError("a fault of ours")]
)
async def test_a_failed_catch_up_is_retried_on_a_new_connection(failure: Exception) -> None:
    failures = [failure]

    async def catch_up() -> None:
        if failures:
            raise failures.pop()

    async with (
        open_workspace(serve_client) as workspace,
        open_client(workspace.url, before_live=catch_up) as client,
    ):
        await workspace.peer(2)
        await until(client.realtime.is_live)


async def test_a_logout_of_this_session_or_of_all_leads_to_a_new_login() -> None:
    async def log_out(peer: Peer) -> None:
        await peer.accept_client()
        arguments = [peer.session] if peer.session == "session1" else []
        fields = {"eventName": f"{BOT_ID}/force_logout", "args": arguments}
        await peer.send({"msg": "changed", "collection": "stream-notify-user", "fields": fields})
        await peer.keep_open()

    async def refuse(peer: Peer) -> None:
        await peer.refuse_login(401)

    async with open_workspace(log_out, log_out, refuse) as workspace:
        with pytest.raises(TokenRejectedError):
            await run_to_the_end(workspace.url)
        assert len(workspace.peers) == 3


async def test_a_logout_of_another_session_is_ignored() -> None:
    async def log_other_out(peer: Peer) -> None:
        await peer.accept_client()
        fields = {"eventName": f"{BOT_ID}/force_logout", "args": ["another"]}
        await peer.send({"msg": "changed", "collection": "stream-notify-user", "fields": fields})
        await peer.send_message("still here")
        await peer.keep_open()

    async with open_workspace(log_other_out) as workspace, open_client(workspace.url) as client:
        await client.wait_for_texts("still here")
        assert len(workspace.peers) == 1


async def test_the_handshake_has_a_user_agent() -> None:
    async with open_workspace(serve_client) as workspace, open_client(workspace.url):
        peer = await workspace.peer()
        agent = peer.socket.request_headers["User-Agent"]
        assert agent.startswith("session-bot/")
        assert agent.endswith("(+Rocket.Chat)")


async def test_a_workspace_below_a_path_is_reached() -> None:
    async with open_workspace(serve_client) as workspace, open_client(workspace.url + "/chat/"):
        peer = await workspace.peer()
        assert peer.socket.path == "/chat/websocket"


async def test_a_login_without_an_answer_is_retried_on_a_new_connection() -> None:
    async def mute(peer: Peer) -> None:
        await peer.connect()
        await peer.keep_silent()

    settings = replace(QUICK, call_timeout_s=0.5)
    async with (
        open_workspace(mute, serve_client) as workspace,
        open_client(workspace.url, settings=settings) as client,
    ):
        await workspace.peer(2)
        await until(client.realtime.is_live)
        with pytest.raises(ConnectionClosed):
            await workspace.peers[0].receive()
