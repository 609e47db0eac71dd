"""The only module of the REST client that uses aiohttp."""

import time
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Final

import structlog
from aiohttp import (
    ClientError,
    ClientResponse,
    ClientResponseError,
    ClientSession,
    ClientTimeout,
    FormData,
    InvalidURL,
)

from bot.errors import ProtocolError, TokenRejectedError, UnreachableError
from bot.models import AuthToken, Document
from bot.rocketchat.http_session import make_session, read_body, read_pieces
from bot.rocketchat.network_errors import describe_failure
from bot.rocketchat.responses import Response
from bot.rocketchat.row_filter import RowFilter
from bot.rocketchat.wire import MESSAGE_KEYS, ROOM_KEYS, parse_document

_MAX_RESPONSE_BYTES: Final = 4 * 1024 * 1024
_MAX_LIST_BYTES: Final = 256 * 1024 * 1024
_MAX_LIST_KEPT_BYTES: Final = 32 * 1024 * 1024
_ROW_KEYS: Final[Mapping[str, Collection[str]]] = {
    "v1/rooms.get": ROOM_KEYS,
    "v1/im.history": MESSAGE_KEYS,
    "v1/channels.history": MESSAGE_KEYS,
    "v1/groups.history": MESSAGE_KEYS,
}
_CONNECT_TIMEOUT_S: Final = 5.0
_SLOW_SHARE: Final = 0.2  # of the time that a request may take
NOT_ROCKETCHAT: Final = -1
"""What an observer is told instead of 200 where something else has answered."""

RequestObserver = Callable[[str, int, float], None]
"""Is called after each request with the route, the status and seconds.

The status is 0 without a response, and ``NOT_ROCKETCHAT`` for a 200 without a JSON object.
"""


@dataclass(frozen=True, slots=True)
class File:
    """A file to upload; ``type`` is its media type."""

    name: str
    type: str
    content: bytes = field(repr=False)


def ignore_request(_route: str, _status: int, _seconds: float) -> None:
    """Do nothing with a request."""


class HttpTransport:
    """Sends requests to one workspace's ``/api/`` and returns responses of any status."""

    def __init__(
        self,
        session: ClientSession,
        url: str,
        on_request: RequestObserver = ignore_request,
        *,
        timeout_s: float,
    ) -> None:
        self._session: Final = session
        self._slow_s: Final = _SLOW_SHARE * timeout_s
        self._on_request: Final = on_request
        self._url: Final = url.rstrip("/")
        self._log = structlog.get_logger("http").bind()

    async def request(
        self,
        method: str,
        route: str,
        headers: Mapping[str, str],
        *,
        query: Mapping[str, str] | None = None,
        body: Document | None = None,
        subpath: str = "",
        file: File | None = None,
    ) -> Response:
        """Send one request without following redirects; ``subpath`` follows the route in the path.

        ``headers`` come from ``make_headers``. Raises ``UnreachableError`` without a complete
        response, ``ProtocolError`` if it is too long.
        """
        began_at, status = time.monotonic(), 0
        try:
            async with self._session.request(
                method,
                f"{self._url}/api/{route}{subpath}",
                headers=headers,
                params=query,
                json=body,
                data=_make_form(file) if file else None,
                # A token must never travel to another host.
                allow_redirects=False,
            ) as received:
                response = await _read_response(route, received)
                is_foreign = response.status == HTTPStatus.OK and response.document is None
                status = NOT_ROCKETCHAT if is_foreign else response.status
        except (ClientError, TimeoutError, OSError) as error:
            raise _translate(route, error) from _without_secrets(error)
        finally:
            seconds = time.monotonic() - began_at
            self._on_request(route, status, seconds)
            if seconds >= self._slow_s:
                self._log.warning("the workspace is slow", route=route, seconds=round(seconds, 1))
        status = response.status
        self._log.debug("asked the workspace", method=method, route=route, status=status)
        return response


@asynccontextmanager
async def open_http(
    url: str,
    *,
    timeout_s: float,
    on_request: RequestObserver = ignore_request,
    ca_file: Path | None = None,
) -> AsyncIterator[HttpTransport]:
    """Open a pool of connections to ``url``; ``timeout_s`` is for one request as a whole.

    ``ca_file`` is for ``make_session``.
    """
    timeout = ClientTimeout(total=timeout_s, connect=min(timeout_s, _CONNECT_TIMEOUT_S))
    async with make_session(url, timeout, ca_file) as session:
        yield HttpTransport(session, url, on_request, timeout_s=timeout_s)


def make_headers(token: AuthToken | None) -> Mapping[str, str]:
    """Return the headers that authenticate a call.

    Raises ``TokenRejectedError`` for a token or user id that cannot stand in a header.
    """
    if token is None:
        return {}
    secret = token.secret.get_secret_value()
    if not (_is_plain(secret) and _is_plain(token.user_id)):
        raise TokenRejectedError("the auth token or the user id has characters that none has")
    if token.is_bearer:
        return {"Authorization": f"Bearer {secret}"}
    return {"X-Auth-Token": secret, "X-User-Id": token.user_id}


def _is_plain(text: str) -> bool:
    # People paste tokens: a line break would inject a header.
    return bool(text) and text.isascii() and text.isprintable() and " " not in text


def _make_form(file: File) -> FormData:
    form = FormData()
    form.add_field("file", file.content, filename=file.name, content_type=file.type)
    return form


async def _read_response(route: str, received: ClientResponse) -> Response:
    if keys := _ROW_KEYS.get(route):
        content = await _read_list(route, received, keys)
    else:
        content = await read_body(route, received, _MAX_RESPONSE_BYTES)
    # Checked because 6.5.3 answers an unknown route with 200 and an HTML page.
    is_json = received.content_type == "application/json"
    return Response(received.status, received.headers, parse_document(content) if is_json else None)


async def _read_list(route: str, received: ClientResponse, keys: Collection[str]) -> bytes:
    """Read a response of any length, of whose rows only ``keys`` are kept."""
    rows = RowFilter(keys)
    async for piece in read_pieces(route, received, _MAX_LIST_BYTES):
        rows.add(piece)
        if len(rows) > _MAX_LIST_KEPT_BYTES:
            raise ProtocolError(f"{route}: the answer has more than the bot can keep")
    return rows.finish()


def _translate(route: str, error: Exception) -> UnreachableError:
    return UnreachableError(f"{route}: the workspace cannot be reached: {describe_failure(error)}")


def _without_secrets(error: Exception) -> Exception | None:
    # The repr of a ClientResponseError shows the whole request, token included, and that of an
    # InvalidURL the address, which may be the proxy's with its password.
    return None if isinstance(error, ClientResponseError | InvalidURL) else error
