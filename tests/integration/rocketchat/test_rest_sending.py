from datetime import UTC, datetime

import pytest

from bot.errors import (
    ProtocolError,
    RefusedError,
    TokenRejectedError,
    UnreachableError,
)
from bot.models import OutgoingMessage
from bot.rocketchat.client import RestClient
from tests.support.scripted_rest import (
    BOT_SECRET,
    PAGE,
    Responder,
    Script,
    cut_off,
    disconnect,
    fail,
    hang,
    ok,
    reply_with,
)

HELLO = OutgoingMessage("reply-1", "r1", "hello", datetime(2026, 9, 1, tzinfo=UTC))
SEND = "/api/v1/chat.sendMessage"
GET = "/api/v1/chat.getMessage"
STORED = {"_id": "reply-1", "rid": "r1", "msg": "hello", "u": {"_id": "botid", "username": "bot"}}
USED_ID = fail(400, "Cannot read properties of undefined (reading 'starred')")
NOT_THERE = reply_with(400, {"success": False})


async def test_a_confirmed_send_is_one_request(script: Script, rest: RestClient) -> None:
    script.on(SEND, ok(message={**STORED, "attachments": []}))

    await rest.send_message(HELLO)

    assert [request.path for request in script.requests] == [SEND]
    assert script.requests[0].body == {
        "message": {"_id": "reply-1", "rid": "r1", "msg": "hello"},
        "previewUrls": [],
    }
    assert script.requests[0].headers["X-Auth-Token"] == BOT_SECRET


@pytest.mark.parametrize(
    "responder",
    [
        USED_ID,
        reply_with(502, text=PAGE, content_type="text/html"),
        reply_with(200, text=PAGE, content_type="text/html"),
        disconnect,
        cut_off,
        hang,
    ],
)
async def test_a_send_of_unknown_outcome_that_was_stored_is_a_success(
    script: Script, short_timeout_rest: RestClient, responder: Responder
) -> None:
    script.on(SEND, responder)
    script.on(GET, ok(message=STORED))

    await short_timeout_rest.send_message(HELLO)

    assert [request.path for request in script.requests] == [SEND, GET]
    assert dict(script.requests[1].query) == {"msgId": "reply-1"}


@pytest.mark.parametrize("responder", [reply_with(502, text=""), disconnect, hang])
async def test_a_send_that_was_lost_is_sent_again_under_the_same_id(
    script: Script, short_timeout_rest: RestClient, responder: Responder
) -> None:
    script.on(SEND, responder, ok(message=STORED))
    script.on(GET, NOT_THERE)

    await short_timeout_rest.send_message(HELLO)

    assert [request.path for request in script.requests] == [SEND, GET, SEND]
    assert script.requests[0].body == script.requests[2].body


async def test_a_send_that_arrives_late_is_not_doubled(script: Script, rest: RestClient) -> None:
    script.on(SEND, reply_with(504, text=""), USED_ID)
    script.on(GET, NOT_THERE, ok(message=STORED))

    await rest.send_message(HELLO)

    assert [request.path for request in script.requests] == [SEND, GET, SEND, GET]


async def test_a_send_that_is_lost_twice_is_unreachable(script: Script, rest: RestClient) -> None:
    script.on(SEND, reply_with(502, text=""))
    script.on(GET, NOT_THERE)

    with pytest.raises(UnreachableError):
        await rest.send_message(HELLO)

    assert script.count(SEND) == 2


@pytest.mark.parametrize("reason", ["room_is_archived", "restricted-workspace"])
async def test_a_refused_send_says_why(script: Script, rest: RestClient, reason: str) -> None:
    script.on(SEND, fail(400, reason))
    script.on(GET, NOT_THERE)

    with pytest.raises(RefusedError) as caught:
        await rest.send_message(HELLO)

    assert caught.value.reason == reason
    assert script.count(SEND) == 1


async def test_a_send_to_a_room_the_bot_has_left_says_so(script: Script, rest: RestClient) -> None:
    script.on(SEND, fail(400, "error-invalid-room"))
    script.on(GET, fail(400, "Not allowed [error-not-allowed]", errorType="error-not-allowed"))

    with pytest.raises(RefusedError) as caught:
        await rest.send_message(HELLO)

    assert caught.value.reason == "error-invalid-room"


async def test_the_same_id_in_another_room_is_not_this_message(
    script: Script, rest: RestClient
) -> None:
    script.on(SEND, USED_ID)
    script.on(GET, ok(message={**STORED, "rid": "r2"}))

    with pytest.raises(RefusedError):
        await rest.send_message(HELLO)


async def test_a_send_that_was_rejected_is_not_looked_up(script: Script, rest: RestClient) -> None:
    script.on(SEND, fail(401, "You must be logged in to do this."))

    with pytest.raises(TokenRejectedError):
        await rest.send_message(HELLO)

    assert len(script.requests) == 1


async def test_a_message_is_fetched_or_missing(script: Script, rest: RestClient) -> None:
    script.on(GET, ok(message=STORED), NOT_THERE, ok(message=None))

    message = await rest.fetch_message("reply-1")

    assert message is not None
    assert message.text == "hello"
    assert await rest.fetch_message("nope") is None
    with pytest.raises(ProtocolError):
        await rest.fetch_message("odd")


@pytest.mark.parametrize(
    "foreign",
    [
        {"u": {"_id": "thief", "username": "bot"}},
        {"rid": "another room"},
        {"_id": "another id"},
        {"u": {}},
    ],
)
async def test_a_message_that_is_not_our_own_does_not_confirm_a_send(
    script: Script, rest: RestClient, foreign: dict[str, object]
) -> None:
    script.on(SEND, USED_ID)
    script.on(GET, ok(message=STORED | foreign))

    with pytest.raises((RefusedError, ProtocolError)):
        await rest.send_message(HELLO)
