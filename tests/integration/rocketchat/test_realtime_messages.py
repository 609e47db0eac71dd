"""Receiving messages, and sending "is typing"."""

import asyncio
import json
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from bot.models import Message, RoomType
from bot.rocketchat.realtime import RealtimeClient
from tests.support.scripted_workspace import (
    BOT_ID,
    QUICK,
    TOKEN,
    Frame,
    Peer,
    Script,
    make_event,
    make_message,
    open_client,
    open_workspace,
    serve_client,
    until,
)


def saying(*frames: Frame | str | bytes) -> Script:
    """Return a script that sends these frames, and then the message "over"."""

    async def script(peer: Peer) -> None:
        await peer.accept_client()
        for frame in frames:
            await peer.send(frame)
        await peer.send_message("over")
        await peer.keep_open()

    return script


async def test_a_message_has_its_room_type_and_the_bots_membership() -> None:
    context = {"roomParticipant": True, "roomType": "p", "roomName": "friends"}
    frame = make_event(make_message("hello"), context)
    async with open_workspace(saying(frame)) as workspace, open_client(workspace.url) as client:
        await client.wait_for_texts("hello", "over")
        message = client.messages[0]
        assert (message.room_type, message.is_participant) == (RoomType.PRIVATE, True)
        assert (message.id, message.room_id, message.sender.id) == ("message1", "room1", "ann")


async def test_a_message_without_a_second_argument_is_received() -> None:
    frame = make_event(make_message("hello"))
    async with open_workspace(saying(frame)) as workspace, open_client(workspace.url) as client:
        await client.wait_for_texts("hello", "over")
        assert client.messages[0].room_type is RoomType.OTHER


async def test_a_message_is_received_however_its_frame_is_spelt() -> None:
    context = {"roomParticipant": True, "roomType": "p"}
    frame = make_event(make_message("hello"), context)
    backwards = dict(reversed(frame.items()))
    spellings = (json.dumps(frame), json.dumps(backwards), json.dumps(frame, indent=1))
    async with (
        open_workspace(saying(*spellings)) as workspace,
        open_client(workspace.url) as client,
    ):
        await client.wait_for_texts("hello", "hello", "hello", "over")


async def test_own_messages_and_those_of_other_rooms_are_not_received() -> None:
    own = make_event(make_message("mine", u={"_id": BOT_ID, "username": "bot"}), {})
    other_channel = {"roomParticipant": False, "roomType": "c", "roomName": "general"}
    spelt_otherwise = {"roomType": "c", "roomParticipant": False}
    frames = [own, *(make_event(make_message("x"), it) for it in (other_channel, spelt_otherwise))]
    async with open_workspace(saying(*frames)) as workspace, open_client(workspace.url) as client:
        await client.wait_for_texts("over")


async def test_repeated_messages_and_events_of_other_streams_do_no_harm() -> None:
    twice = make_event(make_message("twice"), {"roomType": "d"})
    other_room = make_event(make_message("x"), event="room1")
    other_stream = {**twice, "collection": "stream-notify-room"}
    async with (
        open_workspace(saying(twice, other_room, other_stream, twice)) as workspace,
        open_client(workspace.url) as client,
    ):
        await client.wait_for_texts("twice", "twice", "over")


BAD_FRAMES: list[Frame | str | bytes] = [
    "garbage{",
    "",
    "[]",
    "null",
    b"\xff\x00",
    "[" * 100_000,
    {"msg": None},
    {"msg": "dance"},
    {"msg": "result"},
    {"msg": "result", "id": {"not": "a text"}},
    {"msg": "result", "id": "404", "result": {}},
    {"msg": "ready", "subs": "s1"},
    {"msg": "ready", "subs": [None, {}, "404"]},
    {"msg": "nosub", "id": []},
    {"msg": "nosub", "id": "404"},
    {"msg": "connected", "session": "again"},
    {"msg": "error", "reason": "Bad request", "offendingMessage": {"params": ["secret"]}},
    {"msg": "changed"},
    '{"msg":"changed","collection":"stream-room-messages",',
    {"msg": "changed", "collection": "stream-room-messages", "fields": []},
    {"msg": "changed", "collection": "stream-room-messages", "fields": {"eventName": 1}},
    make_event(),
    {**make_event(), "fields": {"eventName": "__my_messages__"}},
    {**make_event(), "fields": {"eventName": "__my_messages__", "args": 5}},
    make_event(None),
    make_event("text", {}),
    make_event({}, {}),
    make_event(make_message("x", u="nobody"), {}),
    make_event({"_id": 5, "rid": [], "u": {"_id": None}}, []),
]


@pytest.mark.parametrize("frame", BAD_FRAMES, ids=lambda frame: repr(frame)[:60])
async def test_no_frame_ends_the_connection(frame: Frame | str | bytes) -> None:
    async with open_workspace(saying(frame)) as workspace, open_client(workspace.url) as client:
        await client.wait_for_texts("over")
        assert len(workspace.peers) == 1


async def test_a_message_with_invalid_values_is_received_without_them() -> None:
    invalid = make_message("odd", ts="yesterday", mentions="all", tmid=5, t=None)
    context = {"roomType": ["d"], "roomParticipant": "yes"}
    frames = [make_event(invalid, context), make_event(make_message("no object"), "about")]
    async with open_workspace(saying(*frames)) as workspace, open_client(workspace.url) as client:
        await client.wait_for_texts("odd", "no object", "over")


async def test_a_failing_callback_is_logged_without_the_text() -> None:
    def fail(message: Message) -> None:
        if message.text != "over":
            raise ValueError(message.text)

    frame = make_event(make_message("private words"), {})
    with capture_logs() as logs:
        async with (
            open_workspace(saying(*[frame] * 5)) as workspace,
            open_client(workspace.url, fail) as client,
        ):
            await client.wait_for_texts("over")
            assert len(workspace.peers) == 1
    failures = [log for log in logs if log["event"] == "a listener failed"]
    assert [log["count"] for log in failures] == [1, 2, 4]
    assert "private words" not in repr(logs)


async def test_a_frame_of_fifteen_million_characters_is_received() -> None:
    text = "x" * 15_000_000
    frame = make_event(make_message(text), {})
    async with open_workspace(saying(frame)) as workspace, open_client(workspace.url) as client:
        await client.wait_for_texts(text, "over")


async def test_a_ping_is_answered_with_its_id_if_it_has_one() -> None:
    script = saying({"msg": "ping", "id": "p7"}, {"msg": "ping"})
    async with open_workspace(script) as workspace, open_client(workspace.url):
        peer = await workspace.peer()
        await until(lambda: len(peer.received) == 6)
        assert peer.received[4:] == [{"msg": "pong", "id": "p7"}, {"msg": "pong"}]


async def test_typing_is_shown_and_cleared_in_room_and_thread() -> None:
    async with open_workspace(serve_client) as workspace, open_client(workspace.url) as client:
        peer = await workspace.peer()
        await until(client.realtime.is_live)
        await client.realtime.send_typing("room1", "bot")
        await client.realtime.send_typing("room1", "bot", thread_id="root", is_typing=False)
        await until(lambda: len(peer.received) == 6)
        assert [(frame["method"], *frame["params"]) for frame in peer.received[4:]] == [
            ("stream-notify-room", "room1/user-activity", "bot", ["user-typing"], {}),
            ("stream-notify-room", "room1/user-activity", "bot", [], {"tmid": "root"}),
        ]
        assert len({frame["id"] for frame in peer.received[1:]}) == 5


async def test_typing_before_the_connection_is_ignored() -> None:
    realtime = RealtimeClient("http://127.0.0.1:9", TOKEN)
    await realtime.send_typing("room1", "bot")


async def test_typing_on_a_connection_that_just_died_is_ignored() -> None:
    async with open_workspace(serve_client) as workspace, open_client(workspace.url) as client:
        peer = await workspace.peer()
        await until(client.realtime.is_live)
        peer.abort()
        while client.realtime.is_live():
            await client.realtime.send_typing("room1", "bot")
            await asyncio.sleep(0)
        await workspace.peer(2)


async def test_typing_on_a_connection_that_accepts_no_frames_times_out() -> None:
    async def freeze(peer: Peer) -> None:
        await peer.accept_client()
        peer.freeze()
        await peer.socket.wait_closed()

    settings = replace(QUICK, call_timeout_s=0.1)
    async with (
        open_workspace(freeze) as workspace,
        open_client(workspace.url, settings=settings) as client,
    ):
        await until(client.realtime.is_live)
        await client.realtime.send_typing("room1", "a name that fills every buffer" * 10**6)


async def test_it_knows_the_seconds_since_the_last_frame() -> None:
    async with open_workspace(serve_client) as workspace, open_client(workspace.url) as client:
        peer = await workspace.peer()
        await until(
            lambda: client.realtime.is_live() and client.realtime.seconds_since_frame > 0.05
        )
        await peer.send({"msg": "ping"})
        await until(lambda: client.realtime.seconds_since_frame < 0.05)
