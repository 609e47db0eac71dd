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
    fail,
    hang,
    hang_up,
    ok,
    say,
    stop_in_the_middle,
)

HELLO = OutgoingMessage("reply-1", "r1", "hello", datetime(2026, 9, 1, tzinfo=UTC))
SEND = "/api/v1/chat.sendMessage"
GET = "/api/v1/chat.getMessage"
STORED = {"_id": "reply-1", "rid": "r1", "msg": "hello", "u": {"_id": "botid", "username": "bot"}}
USED_ID = fail(400, "Cannot read properties of undefined (reading 'starred')")
NOT_THERE = say(400, {"success": False})


async def test_a_confirmed_send_is_one_request(script: Script, rest: RestClient) -> None:
    script.on(SEND, ok(message={**STORED, "attachments": []}))

    await rest.send_message(HELLO)

    assert [asked.path for asked in script.asked] == [SEND]
    assert script.asked[0].body == {
        "message": {"_id": "reply-1", "rid": "r1", "msg": "hello"},
        "previewUrls": [],
    }
    assert script.asked[0].headers["X-Auth-Token"] == BOT_SECRET


@pytest.mark.parametrize(
    "line",
    [
        USED_ID,
        say(502, text=PAGE, kind="text/html"),
        say(200, text=PAGE, kind="text/html"),
        hang_up,
        stop_in_the_middle,
        hang,
    ],
)
async def test_a_send_of_unknown_outcome_that_was_stored_is_a_success(
    script: Script, hasty: RestClient, line: Responder
) -> None:
    script.on(SEND, line)
    script.on(GET, ok(message=STORED))

    await hasty.send_message(HELLO)

    assert [asked.path for asked in script.asked] == [SEND, GET]
    assert dict(script.asked[1].query) == {"msgId": "reply-1"}


@pytest.mark.parametrize("line", [say(502, text=""), hang_up, hang])
async def test_a_send_that_was_lost_is_sent_again_under_the_same_id(
    script: Script, hasty: RestClient, line: Responder
) -> None:
    script.on(SEND, line, ok(message=STORED))
    script.on(GET, NOT_THERE)

    await hasty.send_message(HELLO)

    assert [asked.path for asked in script.asked] == [SEND, GET, SEND]
    assert script.asked[0].body == script.asked[2].body


async def test_a_send_that_arrives_late_is_not_doubled(script: Script, rest: RestClient) -> None:
    script.on(SEND, say(504, text=""), USED_ID)
    script.on(GET, NOT_THERE, ok(message=STORED))

    await rest.send_message(HELLO)

    assert [asked.path for asked in script.asked] == [SEND, GET, SEND, GET]


async def test_a_send_that_is_lost_twice_is_unreachable(script: Script, rest: RestClient) -> None:
    script.on(SEND, say(502, text=""))
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

    assert len(script.asked) == 1


async def test_a_message_is_fetched_or_missing(script: Script, rest: RestClient) -> None:
    script.on(GET, ok(message=STORED), NOT_THERE, ok(message=None))

    message = await rest.fetch_message("reply-1")

    assert message is not None
    assert message.text == "hello"
    assert await rest.fetch_message("nope") is None
    with pytest.raises(ProtocolError):
        await rest.fetch_message("odd")
