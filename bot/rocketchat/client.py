"""The workspace's REST API as typed calls."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bot.errors import (
    NotLicensedError,
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
    RoomType,
    Session,
    SessionPage,
    User,
)
from bot.rocketchat.rate_limit.limiter import MOST_WAITING, RateLimiter
from bot.rocketchat.rate_limit.queue import BackgroundPacer, nobody
from bot.rocketchat.requests import Query, RequestExecutor
from bot.rocketchat.transport import Note, note_nothing, open_http
from bot.rocketchat.uploads import Uploads
from bot.rocketchat.wire import (
    format_date,
    format_message,
    parse_history,
    parse_message,
    parse_room,
    parse_session,
    parse_session_page,
    parse_user,
)


@dataclass(frozen=True, slots=True)
class RoomStanding:
    """A room as the bot finds it."""

    id: str
    name: str
    is_member: bool
    is_read_only: bool


class Inquiries:
    """Questions asked with the bot's own token. Everything raises WorkspaceError."""

    def __init__(self, calls: RequestExecutor, token: AuthToken) -> None:
        self._calls: Final = calls
        self._token: Final = token

    async def find_room(self, name: str) -> RoomStanding | None:
        """Find a room by its id, or by its name with or without ``#``; None without one.

        One that the bot must not see is as one that there is not: the server tells no difference.
        """
        room = await self._find("roomName", name.removeprefix("#"))
        if room is None and not name.startswith("#"):
            room = await self._find("roomId", name)
        if room is None:
            return None
        room_id = _text(room.get("_id"))
        answer = await self._ask("v1/subscriptions.getOne", roomId=room_id)
        return RoomStanding(
            id=room_id,
            name=_text(room.get("name")) or room_id,
            is_member=bool(answer.get("subscription")),
            is_read_only=room.get("ro") is True,
        )

    async def fetch_roles(self) -> frozenset[str]:
        """Return the roles of the bot's own account."""
        roles = (await self._ask("v1/me")).get("roles")
        return frozenset(map(_text, roles)) if isinstance(roles, list) else frozenset()

    async def is_licensed(self) -> bool:
        """Return whether the workspace has device management, by looking at the bot's sessions."""
        try:
            await self._ask("v1/sessions/list", count="1")
        except NotLicensedError:
            return False
        return True

    async def fetch_redirects(self, client_id: str) -> tuple[str, ...] | None:
        """Return where the OAuth application sends people back; None where that is not shown.

        Up to 6.12 the answer holds the application's secret too, which is not looked at.
        """
        try:
            answer = await self._ask("v1/oauth-apps.get", clientId=client_id)
        except RefusedError:
            return None
        app = answer.get("oauthApp")
        addresses = _text(app.get("redirectUri")) if isinstance(app, Mapping) else ""
        return tuple(addresses.replace(",", " ").split()) or None

    async def _find(self, key: str, value: str) -> Document | None:
        try:
            room = (await self._ask("v1/rooms.info", **{key: value})).get("room")
        except RefusedError:
            return None
        return room if isinstance(room, Mapping) else None

    async def _ask(self, route: str, **query: str) -> Document:
        return await self._calls.read(Query(self._token, route, tuple(query.items())))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


_MAX_SESSIONS: Final = 100
_SENDS: Final = 2
_HISTORY_PAGE: Final = 100
_HISTORIES: Final = {
    RoomType.DIRECT: "v1/im.history",
    RoomType.CHANNEL: "v1/channels.history",
    RoomType.PRIVATE: "v1/groups.history",
}


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """Messages, newest first; ``is_last`` where there is nothing older in the span."""

    messages: tuple[Message, ...]
    is_last: bool


class RestClient:
    """The workspace's REST API, typed. One HTTP request per call unless it says otherwise.

    Every call may raise a ``WorkspaceError``. Reads are asked again a few times while the
    workspace is unreachable. A call waits for its turn where the workspace's rate limit is
    reached; ``RateLimitedError`` means that too many wait already.
    """

    def __init__(
        self, calls: RequestExecutor, token: AuthToken, *, is_background: bool = False
    ) -> None:
        self._calls = calls
        self._token = token
        self._is_background = is_background

    @property
    def budget(self) -> RateLimiter:
        """What the workspace's rate limit leaves, and who waits for it."""
        return self._calls.budget

    @property
    def inquiries(self) -> Inquiries:
        """What only the operator asks."""
        return Inquiries(self._calls, self._token)

    @property
    def uploads(self) -> Uploads:
        """What says pictures."""
        return Uploads(self._calls, self._token, is_background=self._is_background)

    def in_background(self) -> "RestClient":
        """Return a view of the same client whose calls let those of people go first."""
        return RestClient(self._calls, self._token, is_background=True)

    def expected_wait(self, user_id: str) -> float | None:
        """Seconds until the user's waiting call is likely to go; None if none of theirs waits."""
        return self._calls.budget.expected_wait(user_id)

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

    async def fetch_session(
        self, token: AuthToken, session_id: str, *, is_fresh: bool = False
    ) -> Session:
        """Return one session of the token's owner, logged out ones included.

        An answer may be 3 seconds old unless ``is_fresh`` is asked for. Raises
        ``SessionNotFoundError`` (foreign ones too), ``NotLicensedError``.
        """
        question = self._make_question("v1/sessions/info", token, {"sessionId": session_id})

        async def fetch() -> Session:
            return parse_session(await self._calls.read(question))

        return await self._calls.recall(question, fetch, is_fresh=is_fresh)

    async def fetch_sessions(
        self,
        token: AuthToken,
        *,
        offset: int = 0,
        count: int = 50,
        words: str = "",
        is_fresh: bool = False,
    ) -> SessionPage:
        """Return the owner's sessions that are not logged out, newest first.

        ``count`` is held to 1..100. ``words`` must stand, as they are, in the device's name,
        type or system, or in the session's id. An answer may be 3 seconds old unless
        ``is_fresh`` is asked for. Raises ``NotLicensedError``.
        """
        # 0 is no page at all but a database error: server source `getPaginationItems.ts`, 8.3.
        size = min(max(count, 1), _MAX_SESSIONS)
        query = {"count": str(size), "offset": str(max(offset, 0))}
        if words:
            query["filter"] = words
        question = self._make_question("v1/sessions/list", token, query)

        async def fetch() -> SessionPage:
            return parse_session_page(await self._calls.read(question))

        return await self._calls.recall(question, fetch, is_fresh=is_fresh)

    async def log_out_session(self, token: AuthToken, session_id: str) -> None:
        """Log a session of the token's owner out; doing it again is no error (seen on 6.5.3).

        Raises ``SessionNotFoundError``, ``NotLicensedError``.
        """
        try:
            await self._post("v1/sessions/logout.me", token, {"sessionId": session_id})
        finally:
            self._calls.forget(token.user_id)

    async def send_message(self, message: OutgoingMessage) -> bool:
        """Send as the bot. Returns only if the message stands in the room, and stands once.

        True where the server said so of this very call, which it does once for each message id.
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
                    return False
                if not (sends_left and isinstance(error, UnreachableError)):
                    raise
            else:
                return True
        raise AssertionError("the last send either returns or raises")

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
        answer = await self._post("v1/im.create", self._token, {"username": username})
        room = parse_room(_require_object(answer, "room"))
        names = {name.casefold() for name in room.usernames}
        # 8.3 answers an unknown name with a room that holds the caller only.
        if len(room.usernames) != 2 or username.casefold() not in names:  # noqa: PLR2004 - a pair
            raise RefusedError(f"im.create: no direct room with {username}", "error-invalid-user")
        return room

    async def fetch_time(self) -> datetime:
        """Return the server's own time, in whole seconds."""
        return await self._calls.read_time()

    async def fetch_changed_rooms(self, since: datetime) -> tuple[Room, ...]:
        """Return the rooms of the bot in which anything was said since then, and perhaps more.

        Every message counts in its room, a reply in a thread too, whoever follows it (server
        source ``notifyUsersOnMessage``, 6.5 to 8.3); a subscription is not touched by all.
        """
        query = {"updatedSince": format_date(since)}
        rows = (await self._read("v1/rooms.get", self._token, query)).get("update")
        if not isinstance(rows, list):
            raise ProtocolError("rooms.get: no rooms in the answer")
        return tuple(parse_room(row) for row in rows if isinstance(row, dict))

    async def fetch_history(
        self, room: Room, oldest: datetime, latest: datetime | None = None
    ) -> HistoryPage:
        """Return what was said last in the room between these times, both included.

        Replies in threads are in it too; it costs little memory, however much was said.
        """
        query = {"roomId": room.id, "oldest": format_date(oldest), "count": str(_HISTORY_PAGE)}
        query |= {"latest": format_date(latest)} if latest else {}
        # Threads are left out where they are not asked for (server source `v1/im.ts`, 8.3).
        query |= {"inclusive": "true", "showThreadMessages": "true"}
        document = await self._read(_HISTORIES[room.type], self._token, query)
        rows = document.get("messages")
        if not isinstance(rows, list):
            raise ProtocolError("history: no messages in the answer")
        return HistoryPage(tuple(parse_history(rows, room.type)), len(rows) < _HISTORY_PAGE)

    async def _post_message(self, message: OutgoingMessage) -> None:
        await self._post("v1/chat.sendMessage", self._token, format_message(message))

    async def _is_stored(self, message: OutgoingMessage) -> bool:
        try:
            found = await self.fetch_message(message.id)
        except RefusedError:
            return False
        return found is not None and found.room_id == message.room_id

    async def _read(
        self, route: str, token: AuthToken | None, query: Mapping[str, str] | None = None
    ) -> Document:
        return await self._calls.read(self._make_question(route, token, query or {}))

    async def _post(self, route: str, token: AuthToken, body: Document) -> Document:
        return await self._calls.write(route, token, body, is_background=self._is_background)

    def _make_question(
        self, route: str, token: AuthToken | None, query: Mapping[str, str]
    ) -> Query:
        return Query(token, route, tuple(query.items()), self._is_background)


@asynccontextmanager
async def open_rest_client(
    url: str,
    token: AuthToken,
    *,
    timeout: float = 15.0,  # noqa: ASYNC109 - aiohttp keeps it, request by request
    pause: float = 0.2,
    most_waiting: int = MOST_WAITING,
    note: Note = note_nothing,
    is_anybody_waiting: Callable[[], bool] = nobody,
) -> AsyncIterator[RestClient]:
    """Open the REST API of the workspace at ``url``, which may end in a path.

    ``token`` is the bot's own; ``timeout`` is for one request and ``pause`` the first wait between
    two tries, in seconds; at most ``most_waiting`` calls wait for the rate limit.
    """
    loop = asyncio.get_running_loop()
    budget = RateLimiter(now=loop.time, call_at=loop.call_at, most_waiting=most_waiting)
    async with open_http(url, timeout=timeout, note=note) as http:
        courtesy = BackgroundPacer(loop.time, is_anybody_waiting)
        yield RestClient(RequestExecutor(http, budget, courtesy, pause=pause, now=loop.time), token)


def _require_object(document: Document, key: str) -> Document:
    found = document.get(key)
    if not isinstance(found, Mapping):
        raise ProtocolError(f"no {key} in the answer")
    return found
