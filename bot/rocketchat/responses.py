"""What the workspace's REST responses mean: one pure function per question, no I/O.

A status alone says little (a missing licence is 403 up to 7.5 and 400 since 7.6, as is every
validation error), so ``errorType`` is looked at first, then the text, then the status.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

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
from bot.models import Document

_CODE: Final = re.compile(r"\[([\w-]+)\]\s*$")
_SECONDS: Final = re.compile(r"wait (\d{1,5}) seconds?")
_TOO_MANY_REQUESTS: Final = frozenset({"error-too-many-requests", "too-many-requests"})
_NOT_LICENSED: Final = frozenset({"error-action-not-allowed", "unauthorized", "forbidden"})
_NOT_LICENSED_STATUSES: Final = frozenset(
    {HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
)
_MAX_WAIT_S: Final = 3600.0
_DEFAULT_WAIT_S: Final = 60.0
_MAX_REASON_LENGTH: Final = 200
_IS_URL_RIGHT: Final = "is workspace.url right?"


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP response; ``document`` is None unless the body is a JSON object and declared as JSON.

    The names in ``headers`` are case-insensitive.
    """

    status: int
    headers: Mapping[str, str]
    document: Document | None = None


def extract_document(route: str, response: Response) -> Document:
    """Return the document of a successful response; raise the error that another one means."""
    if response.document is None or not is_success(response):
        raise make_error(route, response)
    return response.document


def is_success(response: Response) -> bool:
    """Return whether the workspace did what was requested."""
    if response.status != HTTPStatus.OK or response.document is None:
        return False
    return response.document.get("success") is not False


def parse_retry_wait(response: Response) -> float | None:
    """Return the seconds to wait if the call was refused by a rate limit, else None."""
    if is_success(response) or not _is_rate_limited(response):
        return None
    return _parse_wait(response)


def make_error(route: str, response: Response) -> BotError:
    """Return the error that an unsuccessful response means; ``route`` is like ``v1/sessions/info``.

    Knows the bodies of 5.x to 8.8 and what is announced for 9.0.
    """
    status = response.status
    if _is_rate_limited(response):
        return RateLimitedError(f"{route}: too many requests", _parse_wait(response))
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.REQUEST_TIMEOUT:
        return UnreachableError(f"{route}: the workspace answered {status}")
    if not _is_from_rocketchat(response):
        return ProtocolError(_describe_foreign(route, response))
    if route.startswith("v1/sessions/") and (error := _make_session_error(response)):
        return error
    if status == HTTPStatus.UNAUTHORIZED:
        return TokenRejectedError(f"{route}: the workspace does not accept this auth token")
    text = _parse_text(response.document or {}) or "no reason given"
    return RefusedError(f"{route}: refused with {status}: {text}", parse_reason(response))


def parse_reason(response: Response) -> str:
    """Return the server's reason for a refusal: its code if there is one, else its text."""
    document = response.document or {}
    code = document.get("errorType")
    if isinstance(code, str) and code:
        return code
    text = _parse_text(document)
    found = _CODE.search(text)
    return found[1] if found else text


def parse_server_time(route: str, response: Response) -> datetime:
    """Return the time at which the workspace answered, in whole seconds, in UTC.

    Raises ``UnreachableError`` for a status that may be a gateway's, whose clock differs, and
    ``ProtocolError`` without a date.
    """
    if response.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise UnreachableError(f"{route}: HTTP {response.status}")
    try:
        return parsedate_to_datetime(response.headers["Date"]).astimezone(UTC)
    except (KeyError, ValueError, OverflowError):
        raise ProtocolError(f"{route}: the answer has no date") from None


def _is_rate_limited(response: Response) -> bool:
    is_refused = response.status == HTTPStatus.TOO_MANY_REQUESTS
    return is_refused or parse_reason(response) in _TOO_MANY_REQUESTS


def _parse_text(document: Document) -> str:
    text = document.get("error") or document.get("message") or ""
    return " ".join(str(text).split())[:_MAX_REASON_LENGTH]


def _parse_wait(response: Response) -> float:
    waits = (_parse_reset(response), _parse_retry_after(response), _parse_seconds(response))
    for wait in waits:
        if wait is not None and 0 < wait <= _MAX_WAIT_S:
            return wait
    return _DEFAULT_WAIT_S


def _parse_reset(response: Response) -> float | None:
    # Both times are the server's, so that its clock need not agree with ours.
    try:
        reset = float(response.headers["X-RateLimit-Reset"]) / 1000
        return reset - parsedate_to_datetime(response.headers["Date"]).timestamp()
    except (KeyError, ValueError, OverflowError):
        return None


def _parse_retry_after(response: Response) -> float | None:
    # Rocket.Chat sends none, but a proxy in front of it may.
    try:
        return float(response.headers["Retry-After"])
    except (KeyError, ValueError):
        return None


def _parse_seconds(response: Response) -> float | None:
    found = _SECONDS.search(_parse_text(response.document or {}))
    return float(found[1]) if found else None


def _make_session_error(response: Response) -> BotError | None:
    reason = parse_reason(response)
    if response.status in _NOT_LICENSED_STATUSES and reason in _NOT_LICENSED:
        return NotLicensedError(
            "This workspace has no device management, so I cannot see any sessions here. "
            "It comes with a paid plan of Rocket.Chat; your administrator can tell you more."
        )
    if response.status == HTTPStatus.NOT_FOUND or reason == "Session not found":
        return SessionNotFoundError(
            "I can't find that session among yours. "
            "It may have expired, or the id is not quite right: your list shows the ones you have."
        )
    return None


def _is_from_rocketchat(response: Response) -> bool:
    # A gateway's refusal says nothing about a token.
    document = response.document or {}
    return document.get("success") is False or document.get("status") == "error"


def _describe_foreign(route: str, response: Response) -> str:
    if origin := parse_origin(response.headers.get("Location", "")):
        return f"{route}: redirected to {origin}; {_IS_URL_RIGHT}"
    kind = response.headers.get("Content-Type", "nothing").partition(";")[0]
    return f"{route}: {response.status} with {kind} is no answer of Rocket.Chat's; {_IS_URL_RIGHT}"


def parse_origin(address: str) -> str:
    """Return what of an address may be shown, like ``https://host:8443``; empty without a host."""
    # Scheme, host and port only: the rest of an address may contain secrets.
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}" if parts.hostname else ""
