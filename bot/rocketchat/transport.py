"""The one place of the REST client that talks aiohttp."""

import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any, Final

import structlog
from aiohttp import (
    ClientError,
    ClientResponse,
    ClientResponseError,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
    FormData,
)
from pydantic_core import PydanticSerializationError, from_json, to_json

from bot.errors import ProtocolError, TokenRejectedError, UnreachableError
from bot.models import AuthToken, Document
from bot.rocketchat.responses import Response


def parse_document(raw: str | bytes) -> dict[str, Any] | None:
    """Read a JSON object; None for what is none."""
    try:
        value = _parse(raw)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def format_document(document: Document) -> bytes:
    """Write it as JSON."""
    try:
        return to_json(document)
    except PydanticSerializationError:
        # A device's name may hold half a surrogate pair, which this writes as an escape.
        return json.dumps(document).encode()


def _parse(raw: str | bytes) -> object:
    try:
        return from_json(raw)
    except ValueError:
        # It refuses half a surrogate pair, which JavaScript lets people write.
        return json.loads(raw)


_MAX_BYTES: Final = 4 * 1024 * 1024
# It knows no pages: after an outage it names every room of the bot's, each with its last message.
_MORE_BYTES: Final = {"v1/rooms.get": 64 * 1024 * 1024}
_CONNECT_TIMEOUT: Final = 5.0

Note = Callable[[str, int, float], None]
"""Is told of each request: the route, the status or 0 where no answer came, and the seconds."""


@dataclass(frozen=True, slots=True)
class File:
    """What is uploaded."""

    name: str
    type: str
    content: bytes = field(repr=False)


def note_nothing(_route: str, _status: int, _seconds: float) -> None:
    """Take no note."""


class HttpTransport:
    """One workspace's ``/api/``: a request in, an ``Answer`` out, whatever its status."""

    def __init__(self, session: ClientSession, url: str, note: Note = note_nothing) -> None:
        self._session = session
        self._note = note
        self._url = url.rstrip("/")
        self._log = structlog.get_logger("http").bind()

    async def request(
        self,
        method: str,
        route: str,
        headers: Mapping[str, str],
        *,
        query: Mapping[str, str] | None = None,
        body: Document | None = None,
        tail: str = "",
        file: File | None = None,
    ) -> Response:
        """Ask once, redirects not followed. ``tail`` is what comes after the route in the path.

        ``headers`` are those of ``make_headers``. Raises ``UnreachableError`` where no whole answer
        came, ``ProtocolError`` where it is too long.
        """
        if body is not None:
            headers = {**headers, "Content-Type": "application/json"}
        began_at, status = time.monotonic(), 0
        try:
            async with self._session.request(
                method,
                f"{self._url}/api/{route}{tail}",
                headers=headers,
                params=query,
                data=_make_content(body, file),
                # A token must never travel to another host.
                allow_redirects=False,
            ) as response:
                answer = await _read_answer(route, response)
                status = answer.status
        except (ClientError, TimeoutError, OSError) as error:
            raise _translate(route, error) from _without_headers(error)
        finally:
            self._note(route, status, time.monotonic() - began_at)
        self._log.debug("asked the workspace", method=method, route=route, status=answer.status)
        return answer


@asynccontextmanager
async def open_http(
    url: str,
    *,
    timeout: float,  # noqa: ASYNC109 - aiohttp keeps it
    note: Note = note_nothing,
) -> AsyncIterator[HttpTransport]:
    """Open a pool of connections to ``url``; no answer may take longer than ``timeout`` seconds."""
    async with ClientSession(
        headers={"User-Agent": f"session-bot/{version('session-bot')}"},
        timeout=ClientTimeout(total=timeout, connect=min(timeout, _CONNECT_TIMEOUT)),
        cookie_jar=DummyCookieJar(),
    ) as session:
        yield HttpTransport(session, url, note)


def make_headers(token: AuthToken | None) -> Mapping[str, str]:
    """Make the headers that authenticate a call; raises ``TokenRejectedError`` if none can."""
    if token is None:
        return {}
    secret = token.secret.get_secret_value()
    if not (_is_plain(secret) and _is_plain(token.user_id)):
        raise TokenRejectedError("the auth token or the user id has characters that none has")
    if token.is_bearer:
        return {"Authorization": f"Bearer {secret}"}
    return {"X-Auth-Token": secret, "X-User-Id": token.user_id}


def _is_plain(text: str) -> bool:
    # People paste: a line break here would forge a header, anything else is never a token.
    return bool(text) and text.isascii() and text.isprintable() and " " not in text


def _make_content(body: Document | None, file: File | None) -> FormData | bytes | None:
    if file is not None:
        return _make_form(file)
    return None if body is None else format_document(body)


def _make_form(file: File) -> FormData:
    form = FormData()
    form.add_field("file", file.content, filename=file.name, content_type=file.type)
    return form


async def _read_answer(route: str, response: ClientResponse) -> Response:
    content = await _read_content(route, response)
    document = parse_document(content) if _is_json(response) else None
    return Response(response.status, response.headers, document)


async def _read_content(route: str, response: ClientResponse) -> bytes:
    content, most = bytearray(), _MORE_BYTES.get(route, _MAX_BYTES)
    while chunk := await response.content.readany():
        content += chunk
        if len(content) > most:
            raise ProtocolError(f"{route}: the answer is longer than {most} bytes")
    return bytes(content)


def _is_json(response: ClientResponse) -> bool:
    # 6.5.3 answers an unknown route with 200 and a page: only the content type tells.
    return response.content_type == "application/json"


def _translate(route: str, error: Exception) -> UnreachableError:
    reason = "no answer in time" if isinstance(error, TimeoutError) else type(error).__name__
    return UnreachableError(f"{route}: the workspace cannot be reached: {reason}")


def _without_headers(error: Exception) -> Exception | None:
    # This one's repr shows the whole request, token included.
    return None if isinstance(error, ClientResponseError) else error
