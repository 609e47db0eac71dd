import asyncio
import json
import tracemalloc
from datetime import UTC, datetime
from functools import partial

import pytest
from aiohttp import web

from bot.errors import (
    BotError,
    NotLicensedError,
    ProtocolError,
    RefusedError,
    SessionNotFoundError,
    TokenRejectedError,
    UnreachableError,
)
from bot.models import Room, RoomType
from bot.rocketchat.client import RestClient, open_rest_client
from tests.support.deadlines import DEADLINE_S
from tests.support.scripted_rest import (
    ANN,
    BOT,
    PAGE,
    Responder,
    Script,
    cut_off,
    disconnect,
    fail,
    hang,
    ok,
    reply_too_long,
    reply_with,
    serve,
    serve_bytes,
)

ROW = {
    "sessionId": "s1",
    "userId": "annid",
    "loginToken": "hash",
    "loginAt": "2026-09-01T12:00:00Z",
}


@pytest.mark.parametrize(
    ("responder", "kind"),
    [
        (fail(404, "Session not found"), SessionNotFoundError),
        (fail(403, "unauthorized"), NotLicensedError),
        (
            reply_with(401, {"status": "error", "message": "You must be logged in"}),
            TokenRejectedError,
        ),
        (fail(400, "error-invalid-sort-keys"), RefusedError),
        (reply_with(200, text=PAGE, content_type="text/html"), ProtocolError),
        (reply_with(200, text='{"sessionId": "s1"}', content_type="text/plain"), ProtocolError),
        (reply_with(200, text='{"sessionId": ', content_type="application/json"), ProtocolError),
        (reply_with(200, text="[" * 100_000, content_type="application/json"), ProtocolError),
        (reply_with(200, text="\ufeff", content_type="application/json"), ProtocolError),
        (reply_with(200, ["s1"]), ProtocolError),
        (reply_with(200, {"success": True}), ProtocolError),
        (reply_with(204, text=""), ProtocolError),
        (reply_too_long, ProtocolError),
    ],
)
async def test_a_final_response_is_requested_once(
    script: Script, rest: RestClient, responder: Responder, kind: type[BotError]
) -> None:
    script.on("/api/v1/sessions/info", responder)

    with pytest.raises(kind):
        await rest.fetch_session(ANN, "s1")

    assert len(script.requests) == 1


@pytest.mark.parametrize(
    "responder", [reply_with(500, text="oh"), reply_with(503, {}), disconnect, cut_off]
)
async def test_a_read_is_retried_while_the_workspace_is_unreachable(
    script: Script, rest: RestClient, responder: Responder
) -> None:
    script.on("/api/v1/sessions/info", responder, responder, ok(**ROW))

    assert (await rest.fetch_session(ANN, "s1")).id == "s1"


async def test_a_read_gives_up_after_three_tries(script: Script, rest: RestClient) -> None:
    script.on("/api/v1/sessions/info", reply_with(502, text="Bad Gateway"))

    with pytest.raises(UnreachableError):
        await rest.fetch_session(ANN, "s1")

    assert len(script.requests) == 3


async def test_a_write_is_never_retried(script: Script, rest: RestClient) -> None:
    script.on("/api/v1/sessions/logout.me", reply_with(502, text="Bad Gateway"))

    with pytest.raises(UnreachableError):
        await rest.log_out_session(ANN, "s1")

    assert len(script.requests) == 1


async def test_a_workspace_that_hangs_is_unreachable(
    script: Script, short_timeout_rest: RestClient
) -> None:
    script.on("/api/v1/sessions/logout.me", hang)

    async with asyncio.timeout(5):
        with pytest.raises(UnreachableError, match="in time"):
            await short_timeout_rest.log_out_session(ANN, "s1")


async def test_a_workspace_that_is_down_is_unreachable(unused_url: str) -> None:
    async with open_rest_client(unused_url, BOT, retry_pause_s=0.01) as rest:
        with pytest.raises(UnreachableError, match="cannot be reached: connection refused"):
            await rest.fetch_user(ANN)


@pytest.fixture
async def unused_url() -> str:
    async with serve_bytes(b"") as url:
        pass
    return url


async def test_a_server_that_speaks_no_http_is_unreachable() -> None:
    async with (
        serve_bytes(b"SSH-2.0-OpenSSH\r\n\r\n") as url,
        open_rest_client(url, BOT, retry_pause_s=0.01) as rest,
    ):
        with pytest.raises(UnreachableError):
            await rest.fetch_user(ANN)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_not_followed(script: Script, rest: RestClient, status: int) -> None:
    elsewhere = Script()
    async with serve(elsewhere.answer) as url:
        script.on(
            "/api/v1/me", reply_with(status, text="", headers={"Location": f"{url}/api/v1/me"})
        )

        with pytest.raises(ProtocolError, match=rf"redirected to {url}; is workspace.url right\?"):
            await rest.fetch_user(ANN)

    assert not elsewhere.requests


async def test_cookies_are_not_carried_from_one_user_to_the_next(script: Script) -> None:
    me = reply_with(200, {"_id": "annid"}, headers={"Set-Cookie": "rc_token=x; Path=/"})
    script.on("/api/v1/me", me)

    # By name: clients keep no cookies of an IP address.
    async with open_rest_client(script.url.replace("127.0.0.1", "localhost"), BOT) as rest:
        await rest.fetch_user(ANN)
        await rest.fetch_user(BOT)

    assert "Cookie" not in script.requests[1].headers


async def stream_rooms(request: web.Request) -> web.StreamResponse:
    """Answer as rooms.get does in 6,000 rooms with long last messages: 30 MiB."""
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    await response.write(b'{"update":[')
    for number in range(6000):
        room = {
            "_id": f"r{number}",
            "t": "d",
            "uids": ["a", "b"],
            "lastMessage": {"msg": "x" * 5000},
        }
        await response.write(b"," * bool(number) + json.dumps(room).encode())
    await response.write(b'],"remove":[],"success":true}')
    return response


async def test_all_rooms_are_read_within_little_memory(script: Script) -> None:
    script.on("/api/v1/rooms.get", stream_rooms)
    async with open_rest_client(script.url, BOT, timeout_s=DEADLINE_S) as rest:
        tracemalloc.start()
        try:
            rooms = await rest.fetch_changed_rooms(datetime(2026, 9, 1, tzinfo=UTC))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert [room.id for room in rooms] == [f"r{number}" for number in range(6000)]
    assert peak < 12 * 2**20


async def test_a_page_of_history_of_any_length_is_read(script: Script, rest: RestClient) -> None:
    rows = [
        {"_id": f"m{n}", "rid": "r", "u": {"_id": "u"}, "msg": "hi", "attachments": ["x" * 200_000]}
        for n in range(50)
    ]
    rows[7]["msg"] = "x" * 2**21
    script.on("/api/v1/im.history", ok(messages=rows))
    page = await rest.fetch_history(Room("r", RoomType.DIRECT), datetime(2026, 9, 1, tzinfo=UTC))
    assert [each.id for each in page.messages] == [f"m{n}" for n in range(50) if n != 7]


async def stream_rows(request: web.Request, row: bytes, count: int) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    await response.write(b'{"update":[' + row)
    for _ in range(count - 1):
        await response.write(b"," + row)
    await response.write(b'],"success":true}')
    return response


@pytest.mark.parametrize(
    ("route", "row", "count", "complaint"),
    [
        ("v1/me", b'"%s"' % (b"x" * 90_000), 50, "longer than 4194304 bytes"),
        ("v1/rooms.get", b'{"t":"%s"}' % (b"x" * 900_000), 40, "more than the bot can keep"),
    ],
    ids=["response", "list"],
)
async def test_an_answer_without_end_is_refused(
    script: Script, route: str, row: bytes, count: int, complaint: str
) -> None:
    script.on(f"/api/{route}", partial(stream_rows, row=row, count=count))
    async with open_rest_client(script.url, BOT, timeout_s=DEADLINE_S) as rest:
        with pytest.raises(ProtocolError, match=complaint):
            await rest.read(route, {})
