"""The workspace's REST API as typed methods."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final
from urllib.parse import quote

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
    RoomType,
    Session,
    SessionPage,
    User,
)
from bot.rocketchat.rate_limit.limiter import (
    DEFAULT_MAX_QUEUED,
    BackgroundPacer,
    PeopleWaiting,
    RateLimiter,
)
from bot.rocketchat.requests import ReadRequest, RequestExecutor
from bot.rocketchat.responses import parse_server_time
from bot.rocketchat.transport import File, RequestObserver, ignore_request, open_http
from bot.rocketchat.wire import (
    format_date,
    format_message,
    parse_history,
    parse_message,
    parse_public_setting,
    parse_room,
    parse_session,
    parse_session_page,
    parse_text,
    parse_user,
    require_object,
    require_text,
)

_MAX_SESSIONS_PER_PAGE: Final = 100
_MAX_SENDS: Final = 2
_HISTORY_PAGE_SIZE: Final = 100
_HISTORY_ROUTES: Final = {
    RoomType.DIRECT: "v1/im.history",
    RoomType.CHANNEL: "v1/channels.history",
    RoomType.PRIVATE: "v1/groups.history",
}


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """Messages, newest first; ``is_last`` if there are no older ones in the requested span."""

    messages: tuple[Message, ...]
    is_last: bool


class RestClient:
    """The workspace's REST API, with the bot's own token unless a method takes another.

    A method sends one HTTP request unless its docstring says otherwise, and may raise any
    ``WorkspaceError``. Reads are retried while the workspace is unreachable. Requests are queued
    while the workspace's rate limit is reached; ``RateLimitedError`` means that too many are.
    Scheduled requests are delayed while ``people_waiting`` has any.
    """

    def __init__(
        self,
        executor: RequestExecutor,
        token: AuthToken,
        people_waiting: PeopleWaiting,
        *,
        is_background: bool = False,
    ) -> None:
        self._executor: Final = executor
        self._token: Final = token
        self.people_waiting: Final = people_waiting
        self._is_background: Final = is_background

    @property
    def rate_limiter(self) -> RateLimiter:
        """The rate limiter that all views of this client share."""
        return self._executor.limiter

    def find_list_rate(self) -> float:
        """Return how many lists of sessions a minute the rate limit allows, over all users."""
        return self.rate_limiter.find_rate("GET v1/sessions/list")

    def in_background(self) -> "RestClient":
        """Return a view of this client for scheduled work: people's requests are sent first."""
        return RestClient(self._executor, self._token, self.people_waiting, is_background=True)

    async def read(self, route: str, query: Mapping[str, str]) -> Document:
        """Send a GET with the bot's token; ``route`` is like ``v1/rooms.info``."""
        return await self._executor.read(self._make_request(route, self._token, query))

    async def fetch_version(self) -> str:
        """Return the server's major and minor version, like ``8.3``; needs no token."""
        document = await self._executor.read(self._make_request("info", None, {}))
        version = parse_text(document.get("version"))
        if not version:
            raise ProtocolError("info: no version in the answer; is workspace.url right?")
        return version

    async def fetch_time(self) -> datetime:
        """Return the server's time in whole seconds; not rate-limited, not retried."""
        return parse_server_time("info", await self._executor.probe("info"))

    async def fetch_user(self, token: AuthToken) -> User:
        """Return the user whose token this is; raises ``TokenRejectedError``."""
        return parse_user(await self._executor.read(self._make_request("v1/me", token, {})))

    async def fetch_person(self, user_id: str) -> User:
        """Return the name that a person has now; raises ``RefusedError`` for an unknown id."""
        document = await self.read("v1/users.info", {"userId": user_id})
        return parse_user(require_object(document, "user"))

    async def fetch_language(self) -> str:
        """Return the workspace's language, empty where none was chosen; sends up to two requests.

        ``settings.public`` filters by ``_id`` from 7.0 on, and by ``query`` before
        (developer.rocket.chat/apidocs/get-public-settings); what it does with the other one has
        not been recorded, so only a setting of that name counts.
        """
        for query in ({"_id": "Language"}, {"query": '{"_id":"Language"}'}):
            try:
                document = await self.read("v1/settings.public", query)
            except RefusedError:
                continue
            language = parse_public_setting(document, "Language")
            if language is not None:
                return language
        return ""

    async def fetch_session(
        self, token: AuthToken, session_id: str, *, is_fresh: bool = False
    ) -> Session:
        """Return one session of the token's owner, which may be logged out.

        It may be 3 seconds old unless ``is_fresh``. Raises ``SessionNotFoundError``, also for
        another user's session, and ``NotLicensedError``.
        """
        request = self._make_request("v1/sessions/info", token, {"sessionId": session_id})

        async def fetch() -> Session:
            return parse_session(await self._executor.read(request))

        return await self._executor.read_cached(request, fetch, is_fresh=is_fresh)

    async def fetch_sessions(
        self,
        token: AuthToken,
        *,
        offset: int = 0,
        count: int = 50,
        words: str = "",
        is_fresh: bool = False,
    ) -> SessionPage:
        """Return the sessions of the token's owner that are not logged out, newest first.

        ``count`` is limited to 1..100. ``words`` must occur, as they are, in the device's name,
        type or system, or in the session's id. The page may be 3 seconds old unless ``is_fresh``.
        Raises ``NotLicensedError``.
        """
        # A count of 0 is a database error: server source `getPaginationItems.ts`, 8.3.
        size = min(max(count, 1), _MAX_SESSIONS_PER_PAGE)
        query = {"count": str(size), "offset": str(max(offset, 0))}
        if words:
            query["filter"] = words
        request = self._make_request("v1/sessions/list", token, query)

        async def fetch() -> SessionPage:
            return parse_session_page(await self._executor.read(request))

        return await self._executor.read_cached(request, fetch, is_fresh=is_fresh)

    async def log_out_session(self, token: AuthToken, session_id: str) -> None:
        """Log out a session of the token's owner; repeating it is no error (seen on 6.5.3).

        Raises ``SessionNotFoundError`` and ``NotLicensedError``.
        """
        try:
            await self._write("v1/sessions/logout.me", {"sessionId": session_id}, token=token)
        finally:
            self._executor.forget(token.user_id)

    async def log_out_everywhere(self, token: AuthToken) -> None:
        """End every login of the owner of a personal access token; such tokens stay valid.

        Needs no licence. ``sessions/list`` goes on listing what was ended (seen on 6.5.3 and 8.3).
        Sent once more where there was no answer, as nothing is ended twice. Raises
        ``RefusedError`` for an OAuth token; other errors leave open whether it was done: before
        6.0 the server failed after it (source ``users.logoutOtherClients``, 5.x).
        """
        try:
            # The answer repeats the token, so nothing of it is kept.
            await self._write_repeatable("v1/users.logoutOtherClients", {}, token)
        finally:
            self._executor.forget(token.user_id)

    async def send_message(self, message: OutgoingMessage) -> bool:
        """Send a message as the bot; return only if the room has it, and has it once.

        Return true if the server confirmed this very call, which it does once for each message id.
        If the outcome of a send is unknown, one ``chat.getMessage`` follows, and one more send if
        the message was not stored.
        """
        for sends_left in reversed(range(_MAX_SENDS)):
            try:
                await self._write("v1/chat.sendMessage", format_message(message))
            except (RateLimitedError, TokenRejectedError):
                raise
            except WorkspaceError as error:
                # A used id is refused with a text that differs by version and is the same for an
                # App's veto, so only the room can tell.
                if await self._is_stored(message):
                    return False
                if not (sends_left and isinstance(error, UnreachableError)):
                    raise
            else:
                return True
        raise AssertionError("the last send either returns or raises")

    async def send_picture(
        self, room_id: str, png: bytes, caption: str, thread_id: str | None = None
    ) -> None:
        """Upload a picture and post it in a room, at most once. Sends two requests.

        A WorkspaceError leaves open whether the picture was posted, and nothing is retried: the
        server chooses the message's id, and a second ``rooms.mediaConfirm`` posts a second message
        (server source ``app/api/server/v1/rooms.ts``, 7.x; seen on 8.3). Raises ``ProtocolError``
        if the workspace has no such routes (before about 6.10), ``RefusedError`` if it accepts no
        files.
        """
        room_path = f"/{quote(room_id, safe='')}"
        file = File("devices.png", "image/png", png)
        answer = await self._write("v1/rooms.media", file, subpath=room_path)
        file_id = require_text(require_object(answer, "file"), "_id")
        body = {"msg": caption} | ({"tmid": thread_id} if thread_id else {})
        file_path = f"{room_path}/{quote(file_id, safe='')}"
        await self._write("v1/rooms.mediaConfirm", body, subpath=file_path)

    async def fetch_message(self, message_id: str) -> Message | None:
        """Return a message that the bot may see, without its room type; None if there is none."""
        try:
            document = await self.read("v1/chat.getMessage", {"msgId": message_id})
        except RefusedError as error:
            # An unknown id is refused without a reason (6.5.3 and 8.3).
            if not error.reason:
                return None
            raise
        return parse_message(require_object(document, "message"))

    async def fetch_history(
        self, room: Room, oldest: datetime, latest: datetime | None = None
    ) -> HistoryPage:
        """Return the last 100 messages of a room between two times, both included.

        Replies in threads are among them.
        """
        query = {"roomId": room.id, "oldest": format_date(oldest), "count": str(_HISTORY_PAGE_SIZE)}
        query |= {"latest": format_date(latest)} if latest else {}
        # Threads are left out unless they are requested (server source `v1/im.ts`, 8.3).
        query |= {"inclusive": "true", "showThreadMessages": "true"}
        document = await self.read(_HISTORY_ROUTES[room.type], query)
        rows = document.get("messages")
        if not isinstance(rows, list):
            raise ProtocolError("history: no messages in the answer")
        messages = tuple(parse_history(rows, room.type))
        return HistoryPage(messages, is_last=len(rows) < _HISTORY_PAGE_SIZE)

    async def fetch_room(self, room_id: str) -> Room:
        """Return a room that the bot is in; raises ``RefusedError`` for others."""
        document = await self.read("v1/rooms.info", {"roomId": room_id})
        return parse_room(require_object(document, "room"))

    async def fetch_changed_rooms(self, since: datetime) -> tuple[Room, ...]:
        """Return the rooms of the bot with messages since then, and perhaps others.

        Every message changes its room, even a reply in a thread that the bot does not follow
        (server source ``notifyUsersOnMessage``, 6.5 to 8.3). Not every message changes a
        subscription.
        """
        query = {"updatedSince": format_date(since)}
        rows = (await self.read("v1/rooms.get", query)).get("update")
        if not isinstance(rows, list):
            raise ProtocolError("rooms.get: no rooms in the answer")
        return tuple(parse_room(row) for row in rows if isinstance(row, dict))

    async def open_direct_room(self, user: User) -> Room:
        """Return the direct room of the bot and this user, made if it is missing; two requests.

        Raises ``UnreachableError`` where the room is another one: ``im.create`` takes only a name,
        which may be somebody else's by now, and 8.3 answers an unknown name with a room that has
        only the caller (seen). Its answer does not tell the members' ids, so the room is fetched.
        """
        # However often it is asked, there is one room.
        answer = await self._write_repeatable("v1/im.create", {"username": user.username})
        room = await self.fetch_room(parse_room(require_object(answer, "room")).id)
        if set(room.member_ids) != {user.id, self._token.user_id}:
            raise UnreachableError("im.create: the user was renamed meanwhile")
        return room

    async def _is_stored(self, message: OutgoingMessage) -> bool:
        try:
            found = await self.fetch_message(message.id)
        except RefusedError:
            return False
        # Anybody may choose an id: only a message of the bot's own is the one that was sent.
        sent = (message.id, message.room_id, self._token.user_id)
        return found is not None and (found.id, found.room_id, found.sender.id) == sent

    def _make_request(
        self, route: str, token: AuthToken | None, query: Mapping[str, str]
    ) -> ReadRequest:
        return ReadRequest(token, route, tuple(query.items()), self._is_background)

    async def _write_repeatable(
        self, route: str, body: Document, token: AuthToken | None = None
    ) -> Document:
        """Send a POST whose second time changes nothing; once more where there was no answer."""
        try:
            return await self._write(route, body, token=token)
        except UnreachableError:
            return await self._write(route, body, token=token)

    async def _write(
        self,
        route: str,
        content: Document | File,
        *,
        token: AuthToken | None = None,
        subpath: str = "",
    ) -> Document:
        return await self._executor.write(
            route,
            token or self._token,
            content,
            subpath=subpath,
            is_background=self._is_background,
        )


@asynccontextmanager
async def open_rest_client(
    url: str,
    token: AuthToken,
    *,
    timeout_s: float = 15.0,
    retry_pause_s: float = 0.2,
    max_queued: int = DEFAULT_MAX_QUEUED,
    on_request: RequestObserver = ignore_request,
    ca_file: Path | None = None,
) -> AsyncIterator[RestClient]:
    """Open the REST API of the workspace at ``url``, which may end in a path.

    ``token`` is the bot's own. ``timeout_s`` is for one request, ``retry_pause_s`` the first pause
    between two tries. At most ``max_queued`` requests of people are queued for the rate limit, and
    as many of schedules. ``ca_file`` holds certificates to trust beside the system's.
    """
    loop = asyncio.get_running_loop()
    limiter = RateLimiter(now=loop.time, call_at=loop.call_at, max_queued=max_queued)
    people_waiting = PeopleWaiting(loop.time)
    pacer = BackgroundPacer(loop.time, people_waiting)
    connecting = open_http(url, timeout_s=timeout_s, on_request=on_request, ca_file=ca_file)
    async with connecting as http:
        executor = RequestExecutor(http, limiter, pacer, retry_pause_s=retry_pause_s, now=loop.time)
        yield RestClient(executor, token, people_waiting)
