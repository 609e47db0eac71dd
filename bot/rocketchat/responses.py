"""What the workspace's REST answers mean: one pure function a question, no I/O.

Status codes alone say little here (a missing licence is 403 up to 7.5 and 400 since 7.6, next to
every validation error), so ``errorType`` is asked first, then the text, then the status.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
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
_TOO_MANY: Final = frozenset({"error-too-many-requests", "too-many-requests"})
_NO_LICENCE: Final = frozenset({"error-action-not-allowed", "unauthorized", "forbidden"})
_MAX_WAIT: Final = 3600.0
_DEFAULT_WAIT: Final = 60.0
_MAX_REASON: Final = 200
_IS_URL_RIGHT: Final = "is workspace.url right?"


@dataclass(frozen=True, slots=True)
class Response:
    """One answer over HTTP; ``document`` is None unless it is a JSON object and says so.

    ``headers`` are found in any case.
    """

    status: int
    headers: Mapping[str, str]
    document: Document | None = None


def read_document(route: str, answer: Response) -> Document:
    """Return what the workspace answered; raise what it complained of, or ``ProtocolError``."""
    if answer.document is None or not is_success(answer):
        raise read_error(route, answer)
    return answer.document


def is_success(answer: Response) -> bool:
    """Return whether the workspace did what was asked."""
    if answer.status != 200 or answer.document is None:  # noqa: PLR2004 - HTTP's OK
        return False
    return answer.document.get("success") is not False


def read_wait(answer: Response) -> float | None:
    """Seconds to wait where a call was refused because there were too many; None elsewhere."""
    if is_success(answer) or not _is_too_many(answer):
        return None
    return _read_wait(answer)


def read_error(route: str, answer: Response) -> BotError:
    """Tell which error an answer is; ``route`` is as in ``v1/sessions/info``.

    Knows the bodies of 5.x to 8.8 and what is announced for 9.0.
    """
    if _is_too_many(answer):
        return RateLimitedError(f"{route}: too many requests", _read_wait(answer))
    if answer.status >= 500 or answer.status == 408:  # noqa: PLR2004 - HTTP's time-out
        return UnreachableError(f"{route}: the workspace answered {answer.status}")
    if not _is_rocketchat(answer):
        return ProtocolError(_describe_stranger(route, answer))
    if route.startswith("v1/sessions/") and (error := _read_session_error(answer)):
        return error
    if answer.status == 401:  # noqa: PLR2004 - HTTP's
        return TokenRejectedError(f"{route}: the workspace does not accept this auth token")
    text = _read_text(answer.document or {}) or "no reason given"
    return RefusedError(f"{route}: refused with {answer.status}: {text}", read_reason(answer))


def read_reason(answer: Response) -> str:
    """Return the server's word for a refusal: a code where it gives one, else its text."""
    document = answer.document or {}
    kind = document.get("errorType")
    if isinstance(kind, str) and kind:
        return kind
    text = _read_text(document)
    code = _CODE.search(text)
    return code[1] if code else text


def _is_too_many(answer: Response) -> bool:
    return answer.status == 429 or read_reason(answer) in _TOO_MANY  # noqa: PLR2004 - HTTP's


def _read_text(document: Document) -> str:
    text = document.get("error") or document.get("message") or ""
    return " ".join(str(text).split())[:_MAX_REASON]


def _read_wait(answer: Response) -> float:
    """Seconds to wait; the reset is held against the server's own clock, not against ours."""
    for wait in (_read_reset(answer), _read_retry_after(answer), _read_seconds(answer)):
        if wait is not None and 0 < wait <= _MAX_WAIT:
            return wait
    return _DEFAULT_WAIT


def _read_reset(answer: Response) -> float | None:
    try:
        reset = float(answer.headers["X-RateLimit-Reset"]) / 1000
        return reset - parsedate_to_datetime(answer.headers["Date"]).timestamp()
    except (KeyError, ValueError, OverflowError):
        return None


def _read_retry_after(answer: Response) -> float | None:
    # Rocket.Chat sends none, but a proxy before it may.
    try:
        return float(answer.headers["Retry-After"])
    except (KeyError, ValueError):
        return None


def _read_seconds(answer: Response) -> float | None:
    found = _SECONDS.search(_read_text(answer.document or {}))
    return float(found[1]) if found else None


def _read_session_error(answer: Response) -> BotError | None:
    reason = read_reason(answer)
    if answer.status in {400, 401, 403} and reason in _NO_LICENCE:
        return NotLicensedError(
            "This workspace has no device management, so I cannot see any sessions here. "
            "It comes with a paid plan of Rocket.Chat; your administrator can tell you more."
        )
    if answer.status == 404 or reason == "Session not found":  # noqa: PLR2004 - HTTP's
        return SessionNotFoundError(
            "I can't find that session among yours. "
            "It may have expired, or the id is not quite right: your list shows the ones you have."
        )
    return None


def _is_rocketchat(answer: Response) -> bool:
    # A gateway before the workspace has refusals of its own; they say nothing about a token.
    document = answer.document or {}
    return document.get("success") is False or document.get("status") == "error"


def _describe_stranger(route: str, answer: Response) -> str:
    if host := _read_host(answer.headers.get("Location", "")):
        return f"{route}: redirected to {host}; {_IS_URL_RIGHT}"
    kind = answer.headers.get("Content-Type", "nothing").partition(";")[0]
    return f"{route}: {answer.status} with {kind} is no answer of Rocket.Chat's; {_IS_URL_RIGHT}"


def _read_host(address: str) -> str:
    """Scheme and host only: the rest of an address may hold anything."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.hostname}" if parts.hostname else ""
