"""The websocket to the workspace: opened with limits, filtered, and closed."""

import asyncio
import json
import logging
import re
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, NoReturn
from urllib.parse import urlsplit

from websockets.exceptions import InvalidHandshake, InvalidStatusCode, WebSocketException
from websockets.legacy.client import Connect, WebSocketClientProtocol

from bot.errors import UnreachableError
from bot.rocketchat.network import find_proxy, make_tls_context
from bot.rocketchat.network_errors import describe_failure
from bot.rocketchat.realtime.tunnel import open_tunnel
from bot.rocketchat.responses import parse_origin

_MAX_FRAME_BYTES: Final = 16 * 2**20
_CLOSE_STEP_TIMEOUT_S: Final = 0.3  # the library closes a dead connection in up to five steps
_PORTS: Final = {"ws": 80, "wss": 443}
_SCHEMES: Final = {"http": "ws", "https": "wss"}
_NOT_A_MEMBER: Final = '{"roomParticipant":false'
_NOT_A_MEMBER_UNTIL_END: Final = re.compile(
    r'\{"roomParticipant":false(?:,"\w+":(?:"(?:[^"\\]|\\.)*"|null|true|false))*\}\]\}\}'
)


class WebSocket(WebSocketClientProtocol):
    """A websocket that drops the frames which cannot concern the bot.

    ``on_frame`` is called for every frame, the dropped ones too. The last frame came at
    ``last_frame_at``, in the event loop's seconds. Frames that contain ``own_message_marker`` are
    the bot's own messages.
    """

    def __init__(
        self,
        on_frame: Callable[[], None],
        own_message_marker: str,
        **options: Any,  # noqa: ANN401 - the library's own
    ) -> None:
        super().__init__(**options)
        self.last_frame_at = self.loop.time()
        self._on_frame = on_frame
        self._own_message_marker = own_message_marker
        self._receive_directly: Callable[[str], bool] | None = None

    def set_direct_receiver(self, receive: Callable[[str], bool]) -> None:
        """Pass frames to ``receive`` first; those for which it returns true are not queued.

        ``receive`` must not raise.
        """
        self._receive_directly = receive

    async def read_message(self) -> str | bytes | None:
        """Return the next frame for the library's queue; None at the end of the connection.

        Frames are dropped and passed on here because queueing one and waking its reader costs
        as much as all the rest.
        """
        while (message := await super().read_message()) is not None:
            self.last_frame_at = self.loop.time()
            self._on_frame()
            if isinstance(message, bytes):
                return message
            if not (self._is_dropped(message) or self._is_received(message)):
                return message
        return None

    def _is_dropped(self, message: str) -> bool:
        return self._own_message_marker in message or is_from_other_channel(message)

    def _is_received(self, message: str) -> bool:
        # Only while the queue is empty: frames must keep their order.
        if self._receive_directly is None or self.messages:
            return False
        return self._receive_directly(message)


@asynccontextmanager
async def open_websocket(
    address: str,
    timeout_s: float,
    user_id: str,
    on_frame: Callable[[], None] = lambda: None,
    *,
    ca_file: Path | None = None,
) -> AsyncIterator[WebSocket]:
    """Open a websocket within ``timeout_s``, and close it at the end.

    ``user_id`` is the bot's own; ``on_frame`` is called for every frame; ``ca_file`` holds
    certificates to trust beside the system's. Raises ``UnreachableError``, whose text says why the
    workspace cannot be reached.
    """
    create_protocol = partial(WebSocket, on_frame, make_own_message_marker(user_id))
    websocket = await _connect(address, timeout_s, create_protocol, ca_file)
    try:
        yield websocket
    finally:
        # In a task group: the library's close() swallows a cancellation.
        async with asyncio.TaskGroup() as closing:
            closing.create_task(websocket.close())


def format_address(url: str) -> str:
    """Return the address of the workspace's websocket, given the workspace's URL."""
    parts = urlsplit(url)
    return parts._replace(
        scheme=_SCHEMES.get(parts.scheme, parts.scheme),
        path=parts.path.rstrip("/") + "/websocket",
        query="",
        fragment="",
    ).geturl()


async def _connect(
    address: str,
    timeout_s: float,
    create_protocol: Callable[..., WebSocket],
    ca_file: Path | None,
) -> WebSocket:
    try:
        async with asyncio.timeout(timeout_s):
            options = await _find_way(address, ca_file)
            websocket: WebSocket = await _make_connect(address, create_protocol, options)  # type: ignore[assignment]  # create_protocol's
    except TimeoutError as error:
        raise UnreachableError(f"no connection in {timeout_s:g} s") from error
    except (OSError, WebSocketException, UnicodeError) as error:
        raise UnreachableError(_explain(error)) from error
    return websocket


async def _find_way(address: str, ca_file: Path | None) -> dict[str, Any]:
    """Return the options of the event loop's ``create_connection`` for TLS and the proxy."""
    parts, options = urlsplit(address), dict[str, Any]()
    is_secure, host = parts.scheme == "wss", parts.hostname or ""
    if is_secure:
        options["ssl"] = make_tls_context(ca_file)
    if proxy := find_proxy(address):
        options["sock"] = await open_tunnel(proxy, host, parts.port or _PORTS[parts.scheme])
        options["server_hostname"] = host if is_secure else None
    return options


def _make_connect(
    address: str, create_protocol: Callable[..., WebSocket], options: dict[str, Any]
) -> Connect:
    return _ConnectWithoutRedirect(
        address,
        create_protocol=create_protocol,
        # The library logs every frame at DEBUG, the login included. No setting can turn on a
        # logger that is outside of the tree of loggers.
        logger=logging.Logger("silent", logging.CRITICAL + 1),  # noqa: LOG001 - see above
        user_agent_header=f"session-bot/{version('session-bot')} (+Rocket.Chat)",
        # The library's own time limit can lose a cancellation (asyncio.wait_for before 3.12).
        open_timeout=None,
        close_timeout=_CLOSE_STEP_TIMEOUT_S,
        # A websocket pong may come from a proxy; a DDP pong comes from Rocket.Chat.
        ping_interval=None,
        max_size=_MAX_FRAME_BYTES,
        compression=None,
        **options,
    )


class _ConnectWithoutRedirect(Connect):
    """Refuses redirects: the token must not travel to another host."""

    def handle_redirect(self, uri: str) -> NoReturn:
        raise InvalidHandshake(f"it redirects to {parse_origin(uri) or 'another path'}")


def _explain(error: Exception) -> str:
    match error:
        case ssl.SSLCertVerificationError():
            return f"the certificate is not trusted: {error.verify_message}"
        case InvalidStatusCode():
            return f"HTTP {error.status_code} instead of a websocket"
        case OSError():
            return f"no websocket: {describe_failure(error)}"
    return f"no websocket: {error}"


def is_from_other_channel(raw: str) -> bool:
    """Return whether the frame is a message of a public channel that the bot is not in.

    Most of what ``__my_messages__`` delivers is: the server checks access, not membership (server
    source ``server/modules/notifications/notifications.module.ts``, 8.3). Never true for another
    frame: inside a string every quotation mark is escaped, and only the last argument of an event
    is followed by ``]}}`` and the end. Frames that are spelt in another way are not recognised;
    they are parsed and then dropped.
    """
    start = raw.rfind(_NOT_A_MEMBER)
    return start >= 0 and _NOT_A_MEMBER_UNTIL_END.fullmatch(raw, start) is not None


def make_own_message_marker(user_id: str) -> str:
    """Return the text that a frame contains exactly if it is a message sent by this user.

    Inside a string the quotation marks would be escaped, and only the sender has the key ``u``
    (server source ``IMessage.ts``, 8.3). A message whose custom fields contain another ``u`` with
    the bot's id is dropped here and found when the rooms are checked over REST. Frames that are
    spelt in another way are not recognised; they are parsed and then dropped.
    """
    return f'"u":{{"_id":{json.dumps(user_id)}'
