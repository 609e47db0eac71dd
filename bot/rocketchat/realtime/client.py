"""The realtime client: listens, and reconnects whenever the connection ends."""

import asyncio
import itertools
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

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
from bot.rocketchat.realtime.ddp import DdpClient
from bot.rocketchat.realtime.presence import PresenceFollower
from bot.rocketchat.realtime.sampled_warnings import SampledWarnings, format_origin
from bot.rocketchat.realtime.settings import RealtimeSettings
from bot.rocketchat.realtime.websocket import WebSocket, format_address, open_websocket
from bot.rocketchat.wire import parse_message


async def _catch_up_nothing() -> None:
    pass


async def _miss_nothing() -> bool:
    return False


def _ignore(_message: Message) -> None:
    pass


class RealtimeClient:
    """Receives the messages of all rooms of the bot over one connection, and reconnects.

    ``frames`` counts the frames received, ``losses`` how often a live connection was lost.
    ``random`` returns a number from 0 to 1, ``clock`` monotonic seconds.
    """

    def __init__(
        self,
        url: str,
        token: AuthToken,
        *,
        settings: RealtimeSettings = RealtimeSettings(),  # noqa: B008 - it is frozen
        backoff: Backoff = Backoff(),  # noqa: B008 - it is frozen
        random: Callable[[], float] = random.random,
        clock: Callable[[], float] = time.monotonic,
        ca_file: Path | None = None,
    ) -> None:
        self._address = format_address(url)
        self._token = token
        self._ca_file = ca_file
        self._on_message: Callable[[Message], None] = _ignore
        self._before_live: Callable[[], Awaitable[None]] = _catch_up_nothing
        self._recheck: Callable[[], Awaitable[bool]] = _miss_nothing
        self._settings = settings
        self._backoff = backoff
        self._random = random
        self._clock = clock
        self._ids = itertools.count(1)
        self._connection: Connection | None = None
        self._live_since: float | None = None
        self._was_live = False
        self._pauses = make_pauses(backoff, random)
        self._last_frame_at = clock()
        self.frames = 0
        self.losses = 0
        self._log = structlog.get_logger("realtime")
        self._warnings = SampledWarnings()
        self.presence = PresenceFollower()

    def is_live(self) -> bool:
        """Return whether it is connected, logged in, subscribed and caught up."""
        return self._live_since is not None

    @property
    def seconds_since_frame(self) -> float:
        """Seconds since the last frame; before the first one, since the start."""
        return self._clock() - self._last_frame_at

    async def run(
        self,
        *,
        on_message: Callable[[Message], None],
        on_online: Callable[[str], None] = lambda _: None,
        before_live: Callable[[], Awaitable[None]] = _catch_up_nothing,
        recheck: Callable[[], Awaitable[bool]] = _miss_nothing,
    ) -> None:
        """Listen until cancelled.

        ``on_message`` is called with each message of a room that the bot is in, except its own,
        and must not block; ``on_online`` with the id of each user that ``presence`` follows and
        that comes online. ``before_live`` is awaited on each new connection, after messages have
        begun to arrive, to catch up on earlier ones. ``recheck`` is awaited from time to time on a
        live connection; if it returns true, messages were lost, and the connection is replaced.

        Raises ``TokenRejectedError`` if the workspace refuses the bot's token, and
        ``ProtocolError`` if it does not speak this protocol; all other errors are retried.
        """
        self.presence.on_online = on_online
        self._on_message, self._before_live, self._recheck = on_message, before_live, recheck
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
        the server silently drops another one (seen on 6.5.3). Clients clear it after 15 s.
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
        """Listen on one connection until it ends, and return the reason."""
        self._was_live = False
        connecting = open_websocket(
            self._address,
            self._settings.connect_timeout_s,
            self._token.user_id,
            self._note_frame,
            ca_file=self._ca_file,
        )
        try:
            async with connecting as websocket:
                await self._use(self._make_connection(websocket))
        except ExceptionGroup as errors:
            return _choose_error(errors)
        except Exception as error:  # noqa: BLE001 - an unexpected error must not end listening
            return error
        return UnreachableError("the connection ended")

    def _make_connection(self, websocket: WebSocket) -> Connection:
        ddp = DdpClient(websocket, ids=self._ids, settings=self._settings, warnings=self._warnings)
        return Connection(ddp)

    async def _use(self, connection: Connection) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(connection.run_forever())
                await connection.resume(self._token)
                await connection.subscribe_to_messages(self._receive)
                await self._subscribe_to_logout(connection)
                await self._catch_up()
                self._connection, self._live_since = connection, self._clock()
                self._log.info("listening")
                tasks.create_task(self._keep_rechecking())
                tasks.create_task(self.presence.run(connection))
        finally:
            self._end_live()

    def _end_live(self) -> None:
        since = self._live_since
        if since is not None and self._clock() - since >= self._backoff.reset_after_s:
            self._pauses = make_pauses(self._backoff, self._random)
        self._was_live = since is not None
        self._connection, self._live_since = None, None

    async def _subscribe_to_logout(self, connection: Connection) -> None:
        try:
            await connection.subscribe_to_logout()
        except RefusedError as error:
            # The server closes the socket after a logout anyway, only later.
            self._log.warning("not told of logouts", reason=str(error))

    async def _catch_up(self) -> None:
        try:
            await self._before_live()
        except (ProtocolError, TokenRejectedError) as error:
            # Final on the realtime connection; over REST a proxy may have answered.
            raise UnreachableError(f"catching up failed: {error}") from error

    async def _keep_rechecking(self) -> None:
        pause_s = self._settings.recheck_every_s
        while True:
            await asyncio.sleep(pause_s)
            started_at = self._clock()
            if await self._has_lost_messages():
                raise UnreachableError("the connection has not delivered everything")
            # At most a third of the time is spent on it, however many rooms have changed.
            pause_s = max(self._settings.recheck_every_s, 2 * (self._clock() - started_at))

    async def _has_lost_messages(self) -> bool:
        try:
            return await self._recheck()
        except TokenRejectedError as error:
            # A new login shows whether the token is dead; a proxy may have answered.
            raise UnreachableError(f"the workspace refuses calls: {error}") from error
        except BotError as error:
            self._log.warning("the connection cannot be checked now", reason=str(error))
            return False

    def _note_frame(self) -> None:
        self._last_frame_at = self._clock()
        self.frames += 1

    def _receive(self, _event: str, arguments: list[Any]) -> None:
        document, context, *_ = [*arguments, None, None]
        if not isinstance(document, dict):
            self._warnings.note("a message is no JSON object")
        elif not self._is_own(document):
            self._deliver(document, context if isinstance(context, dict) else None)

    def _is_own(self, document: Document) -> bool:
        sender = document.get("u")
        return isinstance(sender, dict) and sender.get("_id") == self._token.user_id

    def _deliver(self, document: Document, context: Document | None) -> None:
        try:
            message = parse_message(document, context)
            if message.is_participant:
                self._on_message(message)
        except ProtocolError as error:
            self._warnings.note("a message cannot be read", reason=str(error))
        except Exception as error:  # noqa: BLE001 - a failing callback must not end listening
            self._warnings.note("a listener failed", error=format_origin(error))


async def try_connect(
    url: str, token: AuthToken, settings: RealtimeSettings, ca_file: Path | None = None
) -> None:
    """Connect, log in, subscribe and disconnect; raise the WorkspaceError that prevents it.

    A bot that is listening with the same token is not disturbed.
    """
    address = format_address(url)
    connecting = open_websocket(address, settings.connect_timeout_s, token.user_id, ca_file=ca_file)
    async with connecting as websocket:
        ddp = DdpClient(
            websocket, ids=itertools.count(1), settings=settings, warnings=SampledWarnings()
        )
        connection = Connection(ddp)
        try:
            async with asyncio.TaskGroup() as tasks:
                reading = tasks.create_task(connection.run_forever())
                await connection.resume(token)
                await connection.subscribe_to_messages(lambda *_: None)
                reading.cancel()
        except ExceptionGroup as errors:
            raise _choose_error(errors) from None


def _choose_error(errors: ExceptionGroup[Exception]) -> Exception:
    # A refusal explains the closing of the socket that may come with it.
    final = errors.subgroup((TokenRejectedError, ProtocolError))
    return (final or errors).exceptions[0]
