from datetime import UTC, datetime

import pytest
from pydantic import SecretStr

from bot.errors import RefusedError, TokenRejectedError, UnreachableError
from bot.models import AuthToken, Room, RoomType, User
from bot.rocketchat.client import RestClient, open_rest_client
from tests.support.scripted_rest import (
    ANN,
    ANN_SECRET,
    BEARER,
    BOT,
    Script,
    fail,
    ok,
    reply_with,
)

NOON = datetime(2026, 9, 1, 12, 0, tzinfo=UTC)
ROW = {
    "sessionId": "s1",
    "userId": "annid",
    "loginToken": "hash",
    "loginAt": "2026-09-01T12:00:00Z",
}


async def test_the_version_is_requested_without_a_token(script: Script, rest: RestClient) -> None:
    script.on("/api/info", ok(version="8.3"))

    assert await rest.fetch_version() == "8.3"
    assert not {"X-Auth-Token", "X-User-Id", "Authorization"} & set(script.requests[0].headers)
    assert script.requests[0].headers["User-Agent"].startswith("session-bot/")


async def test_a_user_is_requested_with_user_id_and_token(script: Script, rest: RestClient) -> None:
    script.on("/api/v1/me", ok(_id="annid", username="ann", name="Ann", utcOffset=2))

    assert await rest.fetch_user(ANN) == User("annid", "ann", "Ann", 2.0)
    assert script.requests[0].headers["X-Auth-Token"] == ANN_SECRET
    assert script.requests[0].headers["X-User-Id"] == "annid"
    assert "Authorization" not in script.requests[0].headers


async def test_an_access_token_is_sent_as_a_bearer_only(script: Script, rest: RestClient) -> None:
    script.on("/api/v1/me", ok(_id="annid", username="ann"))

    await rest.fetch_user(BEARER)

    assert script.requests[0].headers["Authorization"] == f"Bearer {ANN_SECRET}"
    assert not {"X-Auth-Token", "X-User-Id"} & set(script.requests[0].headers)


@pytest.mark.parametrize("secret", ["", "a\r\nX-Admin: 1", "пароль", "two words", "tab\t", "\0"])
async def test_an_invalid_token_is_never_sent(
    script: Script, rest: RestClient, secret: str
) -> None:
    with pytest.raises(TokenRejectedError):
        await rest.fetch_user(AuthToken("annid", SecretStr(secret)))
    with pytest.raises(TokenRejectedError):
        await rest.fetch_user(AuthToken(secret, SecretStr(ANN_SECRET)))

    assert not script.requests


async def test_a_session_is_requested_by_its_id(script: Script, rest: RestClient) -> None:
    script.on("/api/v1/sessions/info", ok(**ROW))

    session = await rest.fetch_session(ANN, "s1&userId=x")

    assert session.id == "s1"
    assert session.logged_in_at == NOON
    assert dict(script.requests[0].query) == {"sessionId": "s1&userId=x"}
    assert script.requests[0].headers["X-User-Id"] == "annid"


async def test_sessions_are_requested_page_by_page(script: Script, rest: RestClient) -> None:
    script.on("/api/v1/sessions/list", ok(sessions=[ROW], total=31, count=10, offset=30))

    page = await rest.fetch_sessions(ANN, offset=30, count=10, words="fire fox")

    assert [session.id for session in page.sessions] == ["s1"]
    assert page.total == 31
    assert dict(script.requests[0].query) == {"offset": "30", "count": "10", "filter": "fire fox"}


@pytest.mark.parametrize(("count", "sent"), [(0, "1"), (-5, "1"), (100, "100"), (5000, "100")])
async def test_the_size_of_a_page_is_limited(
    script: Script, rest: RestClient, count: int, sent: str
) -> None:
    script.on("/api/v1/sessions/list", ok(sessions=[], total=0))

    await rest.fetch_sessions(ANN, count=count)

    assert dict(script.requests[0].query) == {"offset": "0", "count": sent}


async def test_a_session_is_logged_out_with_its_owners_token(
    script: Script, rest: RestClient
) -> None:
    script.on("/api/v1/sessions/logout.me", ok(sessionId="s1"))

    await rest.log_out_session(ANN, "s1")

    assert script.requests[0].method == "POST"
    assert script.requests[0].body == {"sessionId": "s1"}
    assert script.requests[0].headers["X-Auth-Token"] == ANN_SECRET


async def test_a_workspace_may_have_a_path(script: Script) -> None:
    script.on("/chat/api/info", ok(version="8.3"))

    async with open_rest_client(f"{script.url}/chat/", BOT) as rest:
        assert await rest.fetch_version() == "8.3"


CREATE, ROOM = "/api/v1/im.create", "/api/v1/rooms.info"


async def test_a_person_has_the_name_that_goes_with_their_id(
    script: Script, rest: RestClient
) -> None:
    script.on("/api/v1/users.info", ok(user={"_id": "ann-id", "username": "ann.b"}))

    assert await rest.fetch_person("ann-id") == User("ann-id", "ann.b")
    assert script.requests[0].query == {"userId": "ann-id"}


async def test_a_direct_room_is_opened(script: Script, rest: RestClient) -> None:
    script.on(CREATE, ok(room={"_id": "r1", "rid": "r1", "t": "d", "usernames": ["ann", "bot"]}))
    script.on(ROOM, ok(room={"_id": "r1", "t": "d", "uids": [BOT.user_id, "ann-id"]}))

    room = await rest.open_direct_room(User("ann-id", "ann"))

    assert room == Room("r1", RoomType.DIRECT, (BOT.user_id, "ann-id"))
    assert script.requests[0].body == {"username": "ann"}


async def test_making_a_direct_room_is_tried_again_once(script: Script, rest: RestClient) -> None:
    made = ok(room={"_id": "r1", "rid": "r1", "t": "d", "usernames": ["ann", "bot"]})
    script.on(CREATE, reply_with(502, {}), made)
    script.on(ROOM, ok(room={"_id": "r1", "t": "d", "uids": [BOT.user_id, "ann-id"]}))
    assert (await rest.open_direct_room(User("ann-id", "ann"))).id == "r1"


@pytest.mark.parametrize("others", [[], ["eve-id"], ["ann-id", "eve-id"]])
async def test_a_direct_room_of_others_is_refused(
    script: Script, rest: RestClient, others: list[str]
) -> None:
    script.on(CREATE, ok(room={"_id": "r1", "t": "d", "usernames": ["ann", "bot"]}))
    script.on(ROOM, ok(room={"_id": "r1", "t": "d", "uids": [BOT.user_id, *others]}))

    with pytest.raises(UnreachableError):
        await rest.open_direct_room(User("ann-id", "ann"))


async def test_an_unknown_name_is_refused_by_old_servers(script: Script, rest: RestClient) -> None:
    script.on(
        CREATE, fail(400, "Invalid user [error-invalid-user]", errorType="error-invalid-user")
    )

    with pytest.raises(RefusedError) as caught:
        await rest.open_direct_room(User("nobody-id", "nobody"))

    assert caught.value.reason == "error-invalid-user"
