"""One websocket to the workspace: opened with limits, listened to, and closed."""

import asyncio
import json
import logging
import re
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import version
from typing import Any, Final, NoReturn
from urllib.parse import urlsplit

from websockets.exceptions import InvalidHandshake, InvalidStatusCode, WebSocketException
from websockets.legacy.client import Connect as Dial
from websockets.legacy.client import WebSocketClientProtocol

from bot.errors import UnreachableError

_OF_STRANGERS: Final = '{"roomParticipant":false'
_OF_STRANGERS_TO_THE_END: Final = re.compile(
    r'\{"roomParticipant":false(?:,"\w+":(?:"(?:[^"\\]|\\.)*"|null|true|false))*\}\]\}\}'
)


def is_of_strangers(raw: str) -> bool:
    """Tell, before any JSON is parsed, a message of a public channel that the bot is not in.

    Those are most of what ``__my_messages__`` delivers: it tests access, not membership (server
    source `server/modules/notifications/notifications.module.ts`, 8.3). Never true for another
    frame: inside a text every quotation mark is escaped, and only the last argument of an event
    is followed by ``]}}`` and the end. Other spellings are missed, which merely costs parsing.
    """
    start = raw.rfind(_OF_STRANGERS)
    return start >= 0 and _OF_STRANGERS_TO_THE_END.fullmatch(raw, start) is not None


def make_own_mark(user_id: str) -> str:
    """Return what stands in every message that this user has sent, and in no other.

    Inside a text the quotation marks would be escaped, and only the sender has the key ``u``
    (server source ``IMessage.ts``, 8.3). Whoever put another into their message's custom fields
    would have that message heard when REST is looked through. Other spellings are missed, which
    merely costs parsing.
    """
    return f'"u":{{"_id":{json.dumps(user_id)}'


_MAX_FRAME: Final = 16 * 2**20
_CLOSE_SECONDS: Final = 0.3
"""For each of the up to five steps in which the library closes a dead link."""

_SCHEMES: Final = {"http": "ws", "https": "wss"}


class WebSocket(WebSocketClientProtocol):
    """A websocket that gives out only what may concern the bot.

    ``on_frame`` is called for every frame; the last one came ``heard_at``, in the event loop's
    seconds. Frames with ``own_mark`` in them are of the bot's own messages. ``take_at_once`` says
    whether it has taken a frame; it must not raise.
    """

    def __init__(self, on_frame: Callable[[], None], own_mark: str, **options: Any) -> None:  # noqa: ANN401 - the library's own
        super().__init__(**options)
        self.heard_at = self.loop.time()
        self._on_frame = on_frame
        self._own_mark = own_mark
        self.take_at_once: Callable[[str], bool] = _take_nothing

    async def read_message(self) -> str | bytes | None:
        """Return the next message that nobody takes or drops; None at the link's end.

        Dropped are those of strangers and its own.
        """
        # Before the library queues it and wakes the reader, which costs as much as all the rest.
        while (message := await super().read_message()) is not None:
            self.heard_at = self.loop.time()
            self._on_frame()
            if isinstance(message, bytes):
                return message
            if not (self._is_nothing(message) or self._is_taken(message)):
                return message
        return None

    def _is_taken(self, message: str) -> bool:
        # In their order: nothing overtakes what waits in the library's queue.
        return not self.messages and self.take_at_once(message)

    def _is_nothing(self, message: str) -> bool:
        return self._own_mark in message or is_of_strangers(message)


def _take_nothing(_message: str) -> bool:
    return False


@asynccontextmanager
async def open_link(
    address: str, seconds: float, user_id: str, on_frame: Callable[[], None] = lambda: None
) -> AsyncIterator[WebSocket]:
    """Open a websocket within ``seconds``, and close it in the end; ``user_id`` is the bot's own.

    Raises ``UnreachableError``, whose text says what stands in the way.
    """
    create_protocol = partial(WebSocket, on_frame, make_own_mark(user_id))
    link = await _dial(address, seconds, create_protocol)
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


async def _dial(
    address: str, seconds: float, create_protocol: Callable[..., WebSocket]
) -> WebSocket:
    try:
        async with asyncio.timeout(seconds):
            link: WebSocket = await _make_dial(address, create_protocol)  # type: ignore[assignment]  # as it makes it
    except TimeoutError as error:
        raise UnreachableError(f"no connection in {seconds:g} s") from error
    except (OSError, WebSocketException, UnicodeError) as error:
        raise UnreachableError(_explain(error)) from error
    return link


def _make_dial(address: str, create_protocol: Callable[..., WebSocket]) -> "_DirectDial":
    return _DirectDial(
        address,
        create_protocol=create_protocol,
        # The library writes every frame at DEBUG, the login among them: outside the tree of
        # loggers no setting can turn this one on.
        logger=logging.Logger("silent", logging.CRITICAL + 1),  # noqa: LOG001 - see above
        user_agent_header=f"session-bot/{version('session-bot')} (+Rocket.Chat)",
        # Its own time limit can lose a cancellation (asyncio.wait_for before Python 3.12).
        open_timeout=None,
        close_timeout=_CLOSE_SECONDS,
        # DDP has pings of its own, and only those prove that Rocket.Chat is there.
        ping_interval=None,
        max_size=_MAX_FRAME,
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
