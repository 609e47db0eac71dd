"""One connection to the workspace: opened with limits, and closed."""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any, Final, NoReturn
from urllib.parse import urlsplit

from rocketchat_async import RocketChat
from websockets.exceptions import InvalidHandshake, InvalidStatusCode, WebSocketException
from websockets.legacy.client import Connect as Dial
from websockets.legacy.client import WebSocketClientProtocol

from bot.errors import TokenRejectedError, UnreachableError
from bot.models import AuthToken
from bot.rocketchat.realtime import requests
from bot.rocketchat.realtime.calls import Calls

_LARGEST_FRAME: Final = 16 * 2**20
_CLOSE_SECONDS: Final = 0.3
"""For each of the up to five steps in which the library closes a dead link."""

_SCHEMES: Final = {"http": "ws", "https": "wss"}


class Connection(RocketChat):  # type: ignore[misc]  # no types
    """The library's client on a link that is open already; it owns no task."""

    def __init__(self, calls: Calls) -> None:
        super().__init__()
        self._dispatcher = calls
        self.session_id = ""

    async def run_forever(self) -> None:
        """Read the link to its end; always ends in ``UnreachableError``."""
        await self._dispatcher.run()

    async def resume(self, token: AuthToken) -> None:
        """Connect and log in; needs ``run_forever`` at work in another task.

        Raises ``TokenRejectedError`` where the token is dead or somebody else's, and
        ``ProtocolError`` where the workspace speaks another protocol.
        """
        await self._connect()
        self.user_id = await self._resume(token.secret.get_secret_value())
        if self.user_id != token.user_id:
            raise TokenRejectedError("the bot's token belongs to another user id")

    async def subscribe_to_messages(self, hear: Callable[[Any, Any], None]) -> None:
        """Hear every room; ``hear`` gets a message and what the stream says about it."""
        await requests.SubscribeToMessages.call(self._dispatcher, requests.MY_MESSAGES, hear)

    async def subscribe_to_logout(self) -> None:
        """End the link when this session is logged out."""
        await requests.SubscribeToLogout.call(self._dispatcher, self.user_id, self._take_logout)

    async def send_typing_event(
        self, room_id: str, name: str, thread_id: str | None = None, *, is_typing: bool = True
    ) -> None:
        """Show, under ``name``, that the bot types or has stopped."""
        await requests.SendTyping.call(
            self._dispatcher, room_id, name, thread_id, is_typing=is_typing
        )

    async def _connect(self) -> None:
        self.session_id = await requests.Connect.call(self._dispatcher)

    async def _resume(self, token: str) -> str:
        return await requests.Resume.call(self._dispatcher, token)

    def _take_logout(self, session_id: object) -> None:
        # Up to 7.x it names no session and concerns them all; since 8.0 it may.
        if not session_id or session_id == self.session_id:
            raise UnreachableError("the workspace logged the bot out")


@asynccontextmanager
async def open_link(address: str, seconds: float) -> AsyncIterator[WebSocketClientProtocol]:
    """Open a websocket within ``seconds``, and close it in the end.

    Raises ``UnreachableError``, whose text says what stands in the way.
    """
    link = await _dial(address, seconds)
    try:
        yield link
    finally:
        # The library's close() swallows a cancellation; a group does not.
        async with asyncio.TaskGroup() as closing:
            closing.create_task(link.close())


def format_address(url: str) -> str:
    """Turn the workspace's address into that of its websocket."""
    parts = urlsplit(url)
    return parts._replace(
        scheme=_SCHEMES.get(parts.scheme, parts.scheme),
        path=parts.path.rstrip("/") + "/websocket",
        query="",
        fragment="",
    ).geturl()


async def _dial(address: str, seconds: float) -> WebSocketClientProtocol:
    try:
        async with asyncio.timeout(seconds):
            return await _make_dial(address)
    except TimeoutError as error:
        raise UnreachableError(f"no connection in {seconds:g} s") from error
    except (OSError, WebSocketException, UnicodeError) as error:
        raise UnreachableError(_explain(error)) from error


def _make_dial(address: str) -> "_DirectDial":
    return _DirectDial(
        address,
        # The library writes every frame at DEBUG, the login among them: outside the tree of
        # loggers no setting can turn this one on.
        logger=logging.Logger("silent", logging.CRITICAL + 1),  # noqa: LOG001 - see above
        user_agent_header=f"session-bot/{version('session-bot')} (+Rocket.Chat)",
        # Its own time limit can lose a cancellation (asyncio.wait_for before Python 3.12).
        open_timeout=None,
        close_timeout=_CLOSE_SECONDS,
        # DDP has pings of its own, and only those prove that Rocket.Chat is there.
        ping_interval=None,
        max_size=_LARGEST_FRAME,
        compression=None,
    )


class _DirectDial(Dial):
    """Follows no redirect: the token must not travel to another host."""

    def handle_redirect(self, uri: str) -> NoReturn:
        raise InvalidHandshake(f"it redirects to {urlsplit(uri).hostname or 'another path'}")


def _explain(error: Exception) -> str:
    match error:
        case ssl.SSLCertVerificationError():
            return f"the certificate is not trusted: {error.verify_message}"
        case InvalidStatusCode():
            return f"HTTP {error.status_code} instead of a websocket"
    return f"no websocket: {error}"
