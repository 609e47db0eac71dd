"""The workspace's REST API as typed calls."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

import stamina

from bot.errors import (
    ProtocolError,
    RateLimitedError,
    RefusedError,
    TokenRejectedError,
    UnreachableError,
    WorkspaceError,
)
from bot.models import (
    AuthToken,
    Document,
    Message,
    OutgoingMessage,
    Room,
    Session,
    SessionPage,
    User,
)
from bot.rocketchat.answers import read_document
from bot.rocketchat.http import Http, open_http
from bot.rocketchat.wire import (
    format_message,
    parse_message,
    parse_room,
    parse_session,
    parse_user,
)

_MOST_SESSIONS: Final = 100
_TRIES: Final = 3
_RETRY_WITHIN: Final = 8.0
_SENDS: Final = 2


class Rest:
    """The workspace's REST API, typed. One HTTP request per call unless it says otherwise.

    Every call may raise a ``WorkspaceError``. Reads are asked again a few times while the
    workspace is unreachable, no later than 8 seconds after the first try; ``pause`` is the first
    wait between them, in seconds.
    """

    def __init__(self, http: Http, token: AuthToken, *, pause: float = 0.2) -> None:
        self._http = http
        self._token = token
        self._pause = pause

    async def fetch_version(self) -> str:
        """Return the server's major and minor version, as in ``8.3``; needs no token."""
        document = await self._read("info", None)
        found = document.get("version")
        if not isinstance(found, str) or not found:
            raise ProtocolError("info: no version in the answer; is workspace.url right?")
        return found

    async def fetch_user(self, token: AuthToken) -> User:
        """Return whose token this is; raises ``TokenRejectedError``."""
        return parse_user(await self._read("v1/me", token))

    async def fetch_session(self, token: AuthToken, session_id: str) -> Session:
        """Return one session of the token's owner, logged out ones included.

        Raises ``SessionNotFoundError`` (foreign ones too), ``NotLicensedError``.
        """
        query = {"sessionId": session_id}
        return parse_session(await self._read("v1/sessions/info", token, query))

    async def fetch_sessions(
        self, token: AuthToken, *, offset: int = 0, count: int = 50, words: str = ""
    ) -> SessionPage:
        """Return the owner's sessions that are not logged out, newest first.

        ``count`` is held to 1..100. ``words`` must stand, as they are, in the device's name,
        type or system, or in the session's id. Raises ``NotLicensedError``.
        """
        # 0 is no page at all but a database error: server source `getPaginationItems.ts`, 8.3.
        size = min(max(count, 1), _MOST_SESSIONS)
        query = {"count": str(size), "offset": str(max(offset, 0))}
        if words:
            query["filter"] = words
        return _parse_page(await self._read("v1/sessions/list", token, query))

    async def log_out_session(self, token: AuthToken, session_id: str) -> None:
        """Log a session of the token's owner out; doing it again is no error (seen on 6.5.3).

        Raises ``SessionNotFoundError``, ``NotLicensedError``.
        """
        await self._call("POST", "v1/sessions/logout.me", token, body={"sessionId": session_id})

    async def send_message(self, message: OutgoingMessage) -> None:
        """Send as the bot. Returns only if the message stands in the room, and stands once.

        A doubtful send costs a ``chat.getMessage``, and one more send if nothing was stored.
        """
        for sends_left in reversed(range(_SENDS)):
            try:
                await self._post_message(message)
            except (RateLimitedError, TokenRejectedError):
                raise
            except WorkspaceError as error:
                # A used id is refused with a text that changes by version (and an App's veto has
                # the same one), so only the room can tell.
                if await self._is_stored(message):
                    return
                if not (sends_left and isinstance(error, UnreachableError)):
                    raise
            else:
                return

    async def fetch_message(self, message_id: str) -> Message | None:
        """Return a message that the bot may see; its room type is not known here."""
        try:
            document = await self._read("v1/chat.getMessage", self._token, {"msgId": message_id})
        except RefusedError as error:
            # An unknown id is refused without a word (6.5.3 and 8.3).
            if not error.reason:
                return None
            raise
        return parse_message(_require_object(document, "message"))

    async def fetch_room(self, room_id: str) -> Room:
        """Return a room that the bot is in; raises ``RefusedError`` for others."""
        document = await self._read("v1/rooms.info", self._token, {"roomId": room_id})
        return parse_room(_require_object(document, "room"))

    async def open_direct_room(self, username: str) -> Room:
        """Return the direct room of the bot and this user, made if there was none.

        Raises ``RefusedError`` where there is no such user.
        """
        answer = await self._call("POST", "v1/im.create", self._token, body={"username": username})
        room = parse_room(_require_object(answer, "room"))
        names = {name.casefold() for name in room.usernames}
        # 8.3 answers an unknown name with a room that holds the caller only.
        if len(room.usernames) != 2 or username.casefold() not in names:  # noqa: PLR2004 - a pair
            raise RefusedError(f"im.create: no direct room with {username}", "error-invalid-user")
        return room

    async def _post_message(self, message: OutgoingMessage) -> None:
        await self._call("POST", "v1/chat.sendMessage", self._token, body=format_message(message))

    async def _is_stored(self, message: OutgoingMessage) -> bool:
        try:
            found = await self.fetch_message(message.id)
        except RefusedError:
            return False
        return found is not None and found.room_id == message.room_id

    async def _read(
        self, route: str, token: AuthToken | None, query: Mapping[str, str] | None = None
    ) -> Document:
        async for attempt in stamina.retry_context(
            on=UnreachableError,
            attempts=_TRIES,
            timeout=_RETRY_WITHIN,
            wait_initial=self._pause,
            wait_jitter=self._pause,
        ):
            with attempt:
                return await self._call("GET", route, token, query=query)
        raise AssertionError("a retry either returns or raises")

    async def _call(
        self,
        method: str,
        route: str,
        token: AuthToken | None,
        *,
        query: Mapping[str, str] | None = None,
        body: Document | None = None,
    ) -> Document:
        answer = await self._http.request(method, route, token, query=query, body=body)
        return read_document(route, answer)


@asynccontextmanager
async def open_rest(
    url: str,
    token: AuthToken,
    *,
    timeout: float = 15.0,  # noqa: ASYNC109 - aiohttp keeps it, request by request
    pause: float = 0.2,
) -> AsyncIterator[Rest]:
    """Open the REST API of the workspace at ``url``, which may end in a path.

    ``token`` is the bot's own; ``timeout`` is for one request, in seconds.
    """
    async with open_http(url, timeout=timeout) as http:
        yield Rest(http, token, pause=pause)


def _parse_page(document: Document) -> SessionPage:
    rows = document.get("sessions")
    if not isinstance(rows, list):
        raise ProtocolError("sessions/list: no sessions in the answer")
    sessions = tuple(parse_session(row) for row in rows if isinstance(row, dict))
    total = document.get("total")
    return SessionPage(sessions, total if isinstance(total, int) else len(sessions))


def _require_object(document: Document, key: str) -> Document:
    found = document.get(key)
    if not isinstance(found, Mapping):
        raise ProtocolError(f"no {key} in the answer")
    return found
