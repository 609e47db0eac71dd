"""The loop that listens, whatever happens to the connection."""

import asyncio
import itertools
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog

from bot.backoff import Backoff, make_pauses
from bot.errors import (
    BotError,
    ProtocolError,
    RateLimitedError,
    RefusedError,
    TokenRejectedError,
    UnreachableError,
    WorkspaceError,
)
from bot.models import AuthToken, Document, Message
from bot.rocketchat.realtime.connection import Connection
from bot.rocketchat.realtime.ddp import DdpClient, SampledWarnings, format_origin
from bot.rocketchat.realtime.websocket import WebSocket, format_address, open_link
from bot.rocketchat.wire import parse_message


async def _nothing_to_catch_up() -> None:
    pass


async def _nothing_lost() -> bool:
    return False


def _ignore(_message: Message) -> None:
    pass


class RealtimeClient:
    """Receives the messages of every room of the bot over one connection, and reconnects.

    ``frames`` counts what came over the wire, ``losses`` how often a live connection was lost.
    ``clock`` returns monotonic seconds.
    """

    def __init__(
        self,
        url: str,
        token: AuthToken,
        *,
        timing: Backoff = Backoff(),  # noqa: B008 - it is frozen
        random: Callable[[], float] = random.random,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._address = format_address(url)
        self._token = token
        self._hear: Callable[[Message], None] = _ignore
        self._before_live: Callable[[], Awaitable[None]] = _nothing_to_catch_up
        self._recheck: Callable[[], Awaitable[bool]] = _nothing_lost
        self._timing = timing
        self._random = random
        self._clock = clock
        self._ids = itertools.count(1)
        self._connection: Connection | None = None
        self._live_since: float | None = None
        self._was_live = False
        self._pauses = make_pauses(timing, random)
        self._heard_at = clock()
        self.frames = 0
        self.losses = 0
        self._log = structlog.get_logger("realtime")
        self._oddities = SampledWarnings()

    @property
    def is_live(self) -> bool:
        """True while connected, logged in, subscribed and caught up."""
        return self._live_since is not None

    @property
    def seconds_since_frame(self) -> float:
        """Seconds since the workspace last said anything; before that, since the start."""
        return self._clock() - self._heard_at

    async def run(
        self,
        *,
        hear: Callable[[Message], None],
        before_live: Callable[[], Awaitable[None]] = _nothing_to_catch_up,
        recheck: Callable[[], Awaitable[bool]] = _nothing_lost,
    ) -> None:
        """Listen until cancelled.

        ``hear`` is called for each message of a room that the bot is in, but for its own, and must
        not block. ``before_live`` is awaited on each new connection, once messages are heard, to
        catch up on those before. ``recheck`` is awaited from time to time on a live one; where it
        returns true, the connection has lost messages, and another is opened.

        Raises ``TokenRejectedError`` where the workspace refuses the bot's token, and
        ``ProtocolError`` where it does not speak this protocol; all else is tried again.
        """
        self._hear, self._before_live, self._recheck = hear, before_live, recheck
        while True:
            error = await self._listen_once()
            self.losses += self._was_live
            if isinstance(error, TokenRejectedError | ProtocolError):
                raise error
            await self._pause(error, next(self._pauses))

    async def send_typing(
        self, room_id: str, name: str, *, thread_id: str | None = None, is_typing: bool = True
    ) -> None:
        """Show or clear "is typing" if that is possible now; never fails.

        ``name`` must be the bot's username, or its name where the workspace shows real names;
        the server drops another silently (as seen on 6.5.3). Clients forget it after 15 s.
        """
        connection = self._connection
        if connection is None:
            return
        with suppress(WorkspaceError):
            await connection.send_typing_event(room_id, name, thread_id, is_typing=is_typing)

    async def _pause(self, error: Exception, seconds: float) -> None:
        if isinstance(error, RateLimitedError):
            seconds = max(seconds, error.retry_after)
        reason = str(error) if isinstance(error, BotError) else format_origin(error)
        self._log.warning("not listening", reason=reason, seconds_to_next_try=round(seconds, 2))
        await asyncio.sleep(seconds)

    async def _listen_once(self) -> Exception:
        """Listen on one connection to its end, and return what ended it."""
        self._was_live = False
        try:
            user_id, seconds = self._token.user_id, self._timing.connect
            opening = open_link(self._address, seconds, user_id, self._take_frame)
            async with opening as link:
                await self._use(self._make_connection(link))
        except ExceptionGroup as errors:
            # A refusal explains the closing that may come with it.
            final = errors.subgroup((TokenRejectedError, ProtocolError))
            return (final or errors).exceptions[0]
        except Exception as error:  # noqa: BLE001 - even a fault of ours must not leave the bot deaf
            return error
        return UnreachableError("the connection ended")

    def _make_connection(self, link: WebSocket) -> Connection:
        calls = DdpClient(
            link,
            ids=self._ids,
            timing=self._timing,
            oddities=self._oddities,
        )
        return Connection(calls)

    async def _use(self, connection: Connection) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(connection.run_forever())
                await connection.resume(self._token)
                await connection.subscribe_to_messages(self._take_message)
                await self._subscribe_to_logout(connection)
                await self._catch_up()
                self._connection, self._live_since = connection, self._clock()
                self._log.info("listening")
                tasks.create_task(self._keep_checking())
        finally:
            self._end_live()

    def _end_live(self) -> None:
        since = self._live_since
        if since is not None and self._clock() - since >= self._timing.calm:
            self._pauses = make_pauses(self._timing, self._random)
        self._was_live = since is not None
        self._connection, self._live_since = None, None

    async def _subscribe_to_logout(self, connection: Connection) -> None:
        try:
            await connection.subscribe_to_logout()
        except RefusedError as error:
            # The socket is closed on a logout anyway, only later.
            self._log.warning("not told of logouts", reason=str(error))

    async def _catch_up(self) -> None:
        try:
            await self._before_live()
        except (ProtocolError, TokenRejectedError) as error:
            # Final where the realtime protocol says so; REST's may be a proxy's bad moment.
            raise UnreachableError(f"catching up failed: {error}") from error

    async def _keep_checking(self) -> None:
        while True:
            await asyncio.sleep(self._timing.recheck)
            if await self._has_lost():
                raise UnreachableError("the link has not delivered everything")

    async def _has_lost(self) -> bool:
        try:
            return await self._recheck()
        except TokenRejectedError as error:
            # A login tells a dead token, which ddp-streamer does not, from a gateway's bad moment.
            raise UnreachableError(f"the workspace refuses calls: {error}") from error
        except BotError as error:
            self._log.warning("the link cannot be checked now", reason=str(error))
            return False

    def _take_frame(self) -> None:
        self._heard_at = self._clock()
        self.frames += 1

    def _take_message(self, document: object, about: object) -> None:
        if not isinstance(document, dict):
            self._oddities.note("a message is no JSON object")
        elif not self._is_own(document):
            self._hand_on(document, about if isinstance(about, dict) else None)

    def _is_own(self, document: Document) -> bool:
        sender = document.get("u")
        return isinstance(sender, dict) and sender.get("_id") == self._token.user_id

    def _hand_on(self, document: Document, about: Document | None) -> None:
        try:
            message = parse_message(document, about)
            if message.is_participant:
                self._hear(message)
        except ProtocolError as error:
            self._oddities.note("a message cannot be read", reason=str(error))
        except Exception as error:  # noqa: BLE001 - a listener's fault must not end the listening
            self._oddities.note("a listener failed", error=format_origin(error))


async def try_listening(url: str, token: AuthToken, timing: Backoff) -> None:
    """Connect, log in, subscribe, and hang up; raise the WorkspaceError that stands in the way.

    A bot that is listening already with the same token is not disturbed.
    """
    async with open_link(format_address(url), timing.connect, token.user_id) as link:
        calls = DdpClient(
            link,
            ids=itertools.count(1),
            timing=timing,
            oddities=SampledWarnings(),
        )
        try:
            await _listen(Connection(calls), token)
        except ExceptionGroup as errors:
            # A refusal explains the closing that may come with it.
            final = errors.subgroup((TokenRejectedError, ProtocolError))
            raise (final or errors).exceptions[0] from None


async def _listen(connection: Connection, token: AuthToken) -> None:
    async with asyncio.TaskGroup() as tasks:
        reading = tasks.create_task(connection.run_forever())
        await connection.resume(token)
        await connection.subscribe_to_messages(lambda *_: None)
        reading.cancel()
