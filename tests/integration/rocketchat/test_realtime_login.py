"""From the handshake to being live."""

import asyncio

import pytest
from structlog.testing import capture_logs
from websockets.exceptions import ConnectionClosed

from bot.errors import ProtocolError, StorageError, TokenRejectedError
from bot.models import AuthToken
from bot.rocketchat.realtime import RealtimeClient
from tests.support.scripted_workspace import (
    BOT_ID,
    PATIENCE,
    QUICK,
    TOKEN,
    Peer,
    Script,
    live,
    open_ears,
    open_workspace,
    until,
)


async def run_to_the_end(url: str, token: AuthToken = TOKEN) -> None:
    async with asyncio.timeout(PATIENCE):
        await RealtimeClient(url, token, timing=QUICK).run(hear=lambda _: None)


async def has_fallen_silent(peer: Peer) -> bool:
    try:
        async with asyncio.timeout(0.05):
            await peer.hear()
    except TimeoutError:
        return True
    return False


async def test_each_connection_logs_in_and_has_one_subscription_of_each() -> None:
    async with open_workspace(live) as workspace, open_ears(workspace.url) as ears:
        peer = await workspace.peer()
        await until(lambda: ears.realtime.is_live)
        assert [(frame["msg"], frame.get("name")) for frame in peer.heard] == [
            ("connect", None),
            ("method", None),
            ("sub", "stream-room-messages"),
            ("sub", "stream-notify-user"),
        ]
        assert peer.heard[2]["params"][0] == "__my_messages__"
        assert peer.heard[3]["params"] == [f"{BOT_ID}/force_logout", False]


async def test_nothing_is_said_before_connected_nor_before_the_login_is_answered() -> None:
    async def slowly(peer: Peer) -> None:
        await peer.say({"server_id": "0"})
        await peer.hear()
        assert await has_fallen_silent(peer)
        await peer.say({"msg": "connected", "session": peer.session})
        asked = await peer.hear()
        await peer.say({"msg": "updated", "methods": [asked["id"]]})
        assert await has_fallen_silent(peer)
        await peer.say({"msg": "result", "id": asked["id"], "result": {"id": BOT_ID}})
        subscribing = await peer.hear()
        assert await has_fallen_silent(peer)
        await peer.say({"msg": "ready", "subs": [subscribing["id"]]})
        await peer.confirm()
        peer.is_live.set()
        await peer.stay()

    async with open_workspace(slowly) as workspace, open_ears(workspace.url) as ears:
        await workspace.peer()
        await until(lambda: ears.realtime.is_live)


async def test_the_result_may_come_before_updated_as_ddp_streamer_sends_it() -> None:
    async def streamer(peer: Peer) -> None:
        await peer.say({"server_id": "0"})
        await peer.connect()
        asked = await peer.hear()
        await peer.say({"msg": "result", "id": asked["id"], "result": {"id": BOT_ID}})
        await peer.say({"msg": "updated", "methods": [asked["id"]]})
        await peer.say({"msg": "added", "collection": "users", "id": BOT_ID, "fields": {}})
        await peer.confirm()
        await peer.confirm()
        peer.is_live.set()
        await peer.stay()

    async with open_workspace(streamer) as workspace, open_ears(workspace.url) as ears:
        await workspace.peer()
        await until(lambda: ears.realtime.is_live)


@pytest.mark.parametrize("code", [401, 403])
async def test_a_refused_token_ends_the_listening(code: int) -> None:
    async def refuse(peer: Peer) -> None:
        await peer.refuse_login(code)
        await peer.stay()

    async with open_workspace(refuse) as workspace:
        with pytest.raises(TokenRejectedError, match="User not found"):
            await run_to_the_end(workspace.url)
        assert len(workspace.peers) == 1


async def test_a_refused_token_ends_the_listening_even_if_the_socket_closes_at_once() -> None:
    async with open_workspace(lambda peer: peer.refuse_login(403)) as workspace:
        with pytest.raises(TokenRejectedError):
            await run_to_the_end(workspace.url)


async def test_a_token_of_another_user_ends_the_listening() -> None:
    other = AuthToken("somebody else", TOKEN.secret)
    async with open_workspace(live) as workspace:
        with pytest.raises(TokenRejectedError, match="another user id"):
            await run_to_the_end(workspace.url, other)


async def test_another_protocol_version_ends_the_listening() -> None:
    async def fail(peer: Peer) -> None:
        await peer.hear()
        await peer.say({"msg": "failed", "version": "pre1"})

    async with open_workspace(fail) as workspace:
        with pytest.raises(ProtocolError, match="DDP version 1"):
            await run_to_the_end(workspace.url)


async def refuse_for_another_reason(peer: Peer) -> None:
    await peer.refuse_login("error-login-blocked-for-ip")


async def refuse_without_words(peer: Peer) -> None:
    await peer.connect()
    await peer.say({"msg": "result", "id": (await peer.hear())["id"], "error": "no"})


async def answer_without_a_user(peer: Peer) -> None:
    await peer.connect()
    await peer.say({"msg": "result", "id": (await peer.hear())["id"]})


async def refuse_messages(peer: Peer) -> None:
    await peer.connect()
    await peer.log_in()
    await peer.refuse()
    await peer.stay()


async def end_subscription_later(peer: Peer) -> None:
    await peer.go_live()
    await peer.say({"msg": "nosub", "id": peer.heard[2]["id"]})
    await peer.stay()


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
async def test_whatever_else_goes_wrong_is_tried_again(script: Script) -> None:
    async with open_workspace(script, live) as workspace, open_ears(workspace.url) as ears:
        await workspace.peer(2)
        await until(lambda: ears.realtime.is_live)


async def test_too_many_logins_are_waited_out() -> None:
    async def refuse(peer: Peer) -> None:
        await peer.refuse_login("too-many-requests", details={"timeToReset": 250})

    with capture_logs() as logs:
        async with open_workspace(refuse, live) as workspace, open_ears(workspace.url):
            await workspace.peer(2)
    assert [log["seconds_to_next_try"] for log in logs if "reason" in log] == [0.25]


async def test_a_workspace_that_tells_no_logouts_is_listened_to_all_the_same() -> None:
    async def half(peer: Peer) -> None:
        await peer.connect()
        await peer.log_in()
        await peer.confirm()
        await peer.refuse()
        peer.is_live.set()
        await peer.stay()

    async with open_workspace(half) as workspace, open_ears(workspace.url) as ears:
        await workspace.peer()
        await until(lambda: ears.realtime.is_live)


async def test_messages_are_heard_while_catching_up_and_it_is_not_live_before_that() -> None:
    caught_up = asyncio.Event()

    async def chatty(peer: Peer) -> None:
        await peer.go_live()
        await peer.chat("in between")
        await peer.stay()

    async def catch_up() -> None:
        await caught_up.wait()

    async with (
        open_workspace(chatty) as workspace,
        open_ears(workspace.url, before_live=catch_up) as ears,
    ):
        await ears.has_heard("in between")
        assert not ears.realtime.is_live
        caught_up.set()
        await until(lambda: ears.realtime.is_live)


@pytest.mark.parametrize(
    "failure", [ProtocolError("HTML"), StorageError("locked"), KeyError("a fault of ours")]
)
async def test_a_failed_catching_up_is_tried_again_on_a_new_connection(failure: Exception) -> None:
    failures = [failure]

    async def catch_up() -> None:
        if failures:
            raise failures.pop()

    async with (
        open_workspace(live) as workspace,
        open_ears(workspace.url, before_live=catch_up) as ears,
    ):
        await workspace.peer(2)
        await until(lambda: ears.realtime.is_live)


async def test_a_logout_of_this_session_or_of_all_leads_to_a_new_login() -> None:
    async def log_out(peer: Peer) -> None:
        await peer.go_live()
        arguments = [peer.session] if peer.session == "session1" else []
        fields = {"eventName": f"{BOT_ID}/force_logout", "args": arguments}
        await peer.say({"msg": "changed", "collection": "stream-notify-user", "fields": fields})
        await peer.stay()

    async def refuse(peer: Peer) -> None:
        await peer.refuse_login(401)

    async with open_workspace(log_out, log_out, refuse) as workspace:
        with pytest.raises(TokenRejectedError):
            await run_to_the_end(workspace.url)
        assert len(workspace.peers) == 3


async def test_a_logout_of_another_session_is_nothing_to_us() -> None:
    async def log_other_out(peer: Peer) -> None:
        await peer.go_live()
        fields = {"eventName": f"{BOT_ID}/force_logout", "args": ["another"]}
        await peer.say({"msg": "changed", "collection": "stream-notify-user", "fields": fields})
        await peer.chat("still here")
        await peer.stay()

    async with open_workspace(log_other_out) as workspace, open_ears(workspace.url) as ears:
        await ears.has_heard("still here")
        assert len(workspace.peers) == 1


async def test_it_says_who_it_is_in_the_handshake() -> None:
    async with open_workspace(live) as workspace, open_ears(workspace.url):
        peer = await workspace.peer()
        agent = peer.socket.request_headers["User-Agent"]
        assert agent.startswith("session-bot/")
        assert agent.endswith("(+Rocket.Chat)")


async def test_a_workspace_below_a_path_is_reached_there() -> None:
    async with open_workspace(live) as workspace, open_ears(workspace.url + "/chat/"):
        peer = await workspace.peer()
        assert peer.socket.path == "/chat/websocket"


async def test_a_login_that_is_never_answered_is_tried_again() -> None:
    async def mute(peer: Peer) -> None:
        await peer.connect()
        await peer.stay_mute()

    timing = QUICK.__class__(call=0.1, first_pause=0.01)
    async with (
        open_workspace(mute, live) as workspace,
        open_ears(workspace.url, timing=timing) as ears,
    ):
        await workspace.peer(2)
        await until(lambda: ears.realtime.is_live)
        with pytest.raises(ConnectionClosed):
            await workspace.peers[0].hear()
