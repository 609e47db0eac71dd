from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from bot.errors import (
    BotError,
    NotLicensedError,
    ProtocolError,
    RateLimitedError,
    RefusedError,
    SessionNotFoundError,
    TokenRejectedError,
    UnreachableError,
)
from bot.rocketchat.responses import Response, extract_document, make_error

SESSION = "v1/sessions/info"
LOGGED_OUT = "You must be logged in to do this."
ENTERPRISE = "This is an enterprise feature [error-action-not-allowed]"
NO_PERMISSION = "User does not have the permissions required for this action [error-unauthorized]"
TOO_MANY = (
    "Error, too many requests. Please slow down. "
    "You must wait 42 seconds before trying this endpoint again. [error-too-many-requests]"
)
STARRED = "Cannot read properties of undefined (reading 'starred')"
FIELD = "Invalid attachment field, title and value is required"


def make_response(
    status: int, document: Mapping[str, object] | None = None, **headers: str
) -> Response:
    kind = "text/html; charset=utf-8" if document is None else "application/json"
    written = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status, CIMultiDict({"content-type": kind, **written}), document)


def failed(error: str, kind: str = "", **more: object) -> dict[str, object]:
    return {"success": False, "error": error, **({"errorType": kind} if kind else {}), **more}


MATRIX: list[tuple[str, str, int, dict[str, object] | None, type[BotError]]] = [
    # No licence
    ("no licence, 5.x to 7.5", SESSION, 403, failed("unauthorized"), NotLicensedError),
    (
        "no licence, 7.6 and later",
        SESSION,
        400,
        failed(ENTERPRISE, "error-action-not-allowed"),
        NotLicensedError,
    ),
    ("no licence, no errorType", SESSION, 400, failed(ENTERPRISE), NotLicensedError),
    ("no licence, 9.0", SESSION, 403, failed("forbidden"), NotLicensedError),
    ("no licence, as a 401", SESSION, 401, failed("unauthorized"), NotLicensedError),
    ("no licence, list", "v1/sessions/list", 403, failed("unauthorized"), NotLicensedError),
    ("no licence, logout", "v1/sessions/logout.me", 400, failed(ENTERPRISE), NotLicensedError),
    # Not the licence
    ("forbidden elsewhere", "v1/chat.sendMessage", 403, failed("unauthorized"), RefusedError),
    (
        "not allowed elsewhere",
        "v1/chat.sendMessage",
        400,
        failed("Notify all in this room not allowed", "error-action-not-allowed"),
        RefusedError,
    ),
    ("no permission", "v1/sessions/list.all", 403, failed(NO_PERMISSION), RefusedError),
    # Sessions
    ("no such session", SESSION, 404, failed("Session not found"), SessionNotFoundError),
    ("as the docs have it", SESSION, 400, failed("Session not found"), SessionNotFoundError),
    (
        "no session id, up to 8.7",
        SESSION,
        400,
        failed("must have required property 'sessionId' [invalid-params]", "invalid-params"),
        RefusedError,
    ),
    (
        "no session id, 8.8",
        SESSION,
        400,
        failed("must have required property 'sessionId'", "error-invalid-params"),
        RefusedError,
    ),
    ("bad sort", "v1/sessions/list", 400, failed("error-invalid-sort-keys"), RefusedError),
    # The token
    (
        "401, 5.x and 6.x",
        "v1/me",
        401,
        {"status": "error", "message": LOGGED_OUT},
        TokenRejectedError,
    ),
    (
        "401, 7.5 to 8.x",
        SESSION,
        401,
        failed(LOGGED_OUT, status="error", message=LOGGED_OUT),
        TokenRejectedError,
    ),
    ("401, 9.0", SESSION, 401, failed(LOGGED_OUT), TokenRejectedError),
    ("401 of a gateway, JSON", "v1/me", 401, {"message": "No API key found"}, ProtocolError),
    ("401 of a proxy, HTML", "v1/me", 401, None, ProtocolError),
    # Limits
    ("429", SESSION, 429, failed(TOO_MANY), RateLimitedError),
    ("429 of a proxy", SESSION, 429, None, RateLimitedError),
    (
        "too many, as a 400",
        "v1/me",
        400,
        failed("Slow", "error-too-many-requests"),
        RateLimitedError,
    ),
    # The server is unreachable
    ("500", "v1/me", 500, failed("Internal error"), UnreachableError),
    ("502 of a proxy", "v1/me", 502, None, UnreachableError),
    ("503", SESSION, 503, None, UnreachableError),
    ("503, JSON", SESSION, 503, {"error": "server_error"}, UnreachableError),
    ("408 of a proxy", "v1/me", 408, None, UnreachableError),
    # Refusals
    (
        "second factor",
        "v1/sessions/list.all",
        400,
        failed("TOTP Required [totp-required]", "totp-required", details={"method": "password"}),
        RefusedError,
    ),
    ("lost registration", "v1/chat.sendMessage", 400, failed("restricted-workspace"), RefusedError),
    ("archived", "v1/chat.sendMessage", 400, failed("room_is_archived"), RefusedError),
    ("used id", "v1/chat.sendMessage", 400, failed(STARRED), RefusedError),
    ("empty field", "v1/chat.sendMessage", 400, failed(FIELD), RefusedError),
    ("unknown message", "v1/chat.getMessage", 400, {"success": False}, RefusedError),
    ("wrong verb, 6.5.3", "v1/me", 405, {"status": "error", "message": "no"}, RefusedError),
    # Not Rocket.Chat
    ("a page, 6.5.3", "v1/no.such", 200, None, ProtocolError),
    ("404 as text, 8.3", "v1/no.such", 404, None, ProtocolError),
    ("404 as text on sessions", SESSION, 404, None, ProtocolError),
    ("404 of a gateway, JSON", SESSION, 404, {"message": "no Route matched"}, ProtocolError),
    ("403 of a gateway, JSON", SESSION, 403, {"error": "forbidden"}, ProtocolError),
    ("405 without a body", "v1/no.such", 405, None, ProtocolError),
    ("413 of a proxy", "v1/chat.sendMessage", 413, None, ProtocolError),
]


@pytest.mark.parametrize(
    ("route", "status", "document", "kind"),
    [row[1:] for row in MATRIX],
    ids=[row[0] for row in MATRIX],
)
def test_every_known_refusal_is_recognised(
    route: str, status: int, document: dict[str, object] | None, kind: type[BotError]
) -> None:
    error = make_error(route, make_response(status, document))

    assert type(error) is kind


@given(
    status=st.integers(100, 599),
    document=st.none()
    | st.dictionaries(
        st.sampled_from(["success", "error", "errorType", "message", "status", "details"]),
        st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.text()),
    ),
    headers=st.dictionaries(
        st.sampled_from(["X-RateLimit-Reset", "Date", "Retry-After", "Location"]), st.text()
    ),
)
def test_any_response_is_some_error(
    status: int, document: dict[str, Any] | None, headers: dict[str, str]
) -> None:
    response = Response(status, CIMultiDict(headers), document)

    assert isinstance(make_error(SESSION, response), BotError)
    assert isinstance(make_error("v1/me", response), BotError)


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (failed("TOTP Required [totp-required]", "totp-required"), "totp-required"),
        (failed("Not allowed in here [error-not-allowed]"), "error-not-allowed"),
        (failed("room_is_archived"), "room_is_archived"),
        (failed("restricted-workspace"), "restricted-workspace"),
        (failed("You can't send messages because the room is readonly."), None),
        ({"success": False}, ""),
        ({"success": False, "error": 403}, "403"),
    ],
)
def test_a_refusal_keeps_the_reason_of_the_server(
    document: dict[str, object], reason: str | None
) -> None:
    error = make_error("v1/chat.sendMessage", make_response(400, document))

    assert isinstance(error, RefusedError)
    assert error.reason == (document["error"] if reason is None else reason)


def test_a_reason_is_cut_to_a_readable_length() -> None:
    error = make_error("v1/me", make_response(400, failed("long\n" * 10_000)))

    assert len(str(error)) < 300
    assert "\n" not in str(error)


DATE = "Tue, 01 Sep 2026 12:00:00 GMT"
RESET = "1788264017500"


@pytest.mark.parametrize(
    ("headers", "text", "seconds"),
    [
        ({"x_ratelimit_reset": RESET, "date": DATE}, TOO_MANY, 17.5),
        ({"x_ratelimit_reset": RESET}, TOO_MANY, 42),
        ({"x_ratelimit_reset": "1", "date": DATE}, TOO_MANY, 42),
        ({"x_ratelimit_reset": "nan", "date": DATE}, TOO_MANY, 42),
        ({"x_ratelimit_reset": "9e99", "date": DATE}, TOO_MANY, 42),
        ({"x_ratelimit_reset": RESET, "date": "today"}, TOO_MANY, 42),
        ({}, TOO_MANY, 42),
        ({"retry_after": "7"}, "slow down", 7),
        ({"retry_after": DATE}, "slow down", 60),
        ({}, "slow down", 60),
        ({}, "You must wait 99999 seconds", 60),
    ],
)
def test_the_wait_is_parsed_from_the_headers_or_the_text(
    headers: dict[str, str], text: str, seconds: float
) -> None:
    error = make_error(SESSION, make_response(429, failed(text), **headers))

    assert isinstance(error, RateLimitedError)
    assert error.retry_after == seconds


def test_a_redirect_names_the_host_and_nothing_else_of_the_address() -> None:
    location = "https://ann:secret@sso.example.org/login?ticket=secret"
    error = make_error("v1/me", make_response(302, None, location=location))

    assert isinstance(error, ProtocolError)
    assert "https://sso.example.org;" in str(error)
    assert "secret" not in str(error)


@pytest.mark.parametrize("location", ["http://[", "//", "/login", ""])
def test_a_redirect_without_a_host_is_described_without_it(location: str) -> None:
    error = make_error("v1/me", make_response(302, None, location=location))

    assert "is workspace.url right?" in str(error)


def test_a_page_asks_whether_the_address_is_right() -> None:
    error = make_error("v1/me", make_response(200))

    assert "text/html" in str(error)
    assert "is workspace.url right?" in str(error)


def test_a_success_is_returned_as_it_is() -> None:
    document = {"success": True, "_id": "u1"}

    assert extract_document("v1/me", make_response(200, document)) == document


@pytest.mark.parametrize(
    ("status", "document", "kind"),
    [
        (200, failed("oh"), RefusedError),
        (200, None, ProtocolError),
        (204, None, ProtocolError),
        (201, {"success": True}, ProtocolError),
        (401, {"status": "error", "message": LOGGED_OUT}, TokenRejectedError),
    ],
)
def test_a_response_that_is_no_success_is_raised(
    status: int, document: dict[str, object] | None, kind: type[BotError]
) -> None:
    with pytest.raises(kind):
        extract_document("v1/me", make_response(status, document))
