"""DDP over one websocket: calls and their results, subscriptions and their events."""

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any, Final

from rocketchat_async.dispatcher import Dispatcher
from websockets.exceptions import ConnectionClosed

from bot.errors import RefusedError, UnreachableError
from bot.rocketchat.realtime.sampled_warnings import SampledWarnings
from bot.rocketchat.realtime.settings import RealtimeSettings
from bot.rocketchat.realtime.websocket import WebSocket
from bot.rocketchat.wire import parse_document

Frame = dict[str, Any]
OnEvent = Callable[[str, list[Any]], None]
"""Called with an event's name and its arguments, which may be anything."""

_CONNECT: Final = "connect"
"""The key of the future for ``connected`` or ``failed``; the other keys are numbers."""

_MESSAGE_FRAME: Final = '{"msg":"changed","collection":"stream-room-messages",'
"""How a message begins; one that is spelt in another way goes through the library's queue."""


class DdpClient(Dispatcher):  # type: ignore[misc]  # no types
    """The library's dispatcher, which no frame, late result or lost connection can stop.

    ``ids`` must not repeat over connections: the server ignores a subscription id that it has
    had before. A callback may raise a ``WorkspaceError`` to end the connection, and nothing else;
    callbacks for messages must not raise.
    """

    def __init__(
        self,
        websocket: WebSocket,
        *,
        ids: Iterator[int],
        settings: RealtimeSettings,
        warnings: SampledWarnings,
    ) -> None:
        # The library's ``verbose`` prints frames, the token included.
        super().__init__(verbose=False)
        self._websocket = websocket
        self._ids = ids
        self._settings = settings
        self._warnings = warnings
        self._ready: set[str] = set()
        websocket.set_direct_receiver(self._receive_message)

    def make_id(self) -> str:
        """Return an id for a method call or a subscription."""
        return str(next(self._ids))

    async def run(self) -> None:
        """Read frames until the connection ends; always raises ``UnreachableError``."""
        while True:
            await self._process_incoming_event()

    async def connect(self, message: Frame) -> Frame:
        """Send ``connect`` and return the ``connected`` or ``failed`` frame."""
        return await self._request(_CONNECT, message)

    async def call_method(self, msg: Frame, msg_id: str | None = None) -> Frame | None:
        """Send a frame and, if it has an id, return its ``result`` frame.

        The monolith sends ``updated`` before ``result``, ddp-streamer after it; only the id counts.
        """
        if msg_id is None:
            await self._send(msg)
            return None
        return await self._request(msg_id, msg)

    async def create_subscription(self, msg: Frame, msg_id: str, callback: OnEvent) -> None:
        """Subscribe and wait for ``ready``; raises ``RefusedError`` on ``nosub``."""
        # The library's key is the stream alone, so that a second event replaces the first.
        event = (msg["name"], msg["params"][0])
        self._callbacks[event] = callback
        answer = await self._request(msg_id, msg)
        if answer["msg"] != "ready":
            del self._callbacks[event]
            raise RefusedError(f"the workspace refused the stream {msg['name']}")

    async def _request(self, key: str, message: Frame) -> Frame:
        answer: asyncio.Future[Frame] = asyncio.get_running_loop().create_future()
        self._futures[key] = answer
        try:
            async with asyncio.timeout(self._settings.call_timeout_s):
                await self._send(message)
                return await answer
        except TimeoutError:
            seconds = self._settings.call_timeout_s
            raise UnreachableError(f"no answer to {message['msg']} in {seconds:g} s") from None
        finally:
            del self._futures[key]

    async def _send(self, message: Frame, timeout_s: float | None = None) -> None:
        try:
            async with asyncio.timeout(timeout_s or self._settings.call_timeout_s):
                await self._websocket.send(json.dumps(message))
        except TimeoutError:
            raise UnreachableError("the workspace takes no frames") from None
        except ConnectionClosed as closed:
            raise _translate(closed) from closed

    async def _process_incoming_event(self) -> None:
        frame = parse_document(await self._receive())
        if frame is None:
            self._warnings.note("a frame is no JSON object")
        elif frame.get("msg") == "ping":
            await self._send({"msg": "pong"} | {key: frame[key] for key in frame.keys() & {"id"}})
        else:
            self._dispatch(frame)

    async def _receive(self) -> str | bytes:
        """Return the next frame; ping the workspace when it is silent for too long."""
        websocket, settings = self._websocket, self._settings
        now = asyncio.get_running_loop().time
        while True:
            # Frames that the websocket drops count as a sign of life.
            ping_at = websocket.last_frame_at + settings.ping_after_s
            if (frame := await self._receive_until(ping_at)) is not None:
                return frame
            if now() < websocket.last_frame_at + settings.ping_after_s:
                continue
            last_frame_at, give_up_at = websocket.last_frame_at, now() + settings.pong_timeout_s
            await self._send({"msg": "ping"}, settings.pong_timeout_s)
            if (frame := await self._receive_until(give_up_at)) is not None:
                return frame
            if websocket.last_frame_at == last_frame_at:
                seconds = settings.ping_after_s + settings.pong_timeout_s
                raise UnreachableError(f"not a frame in {seconds:g} s")

    async def _receive_until(self, deadline: float) -> str | bytes | None:
        """Return the next frame, or None at ``deadline``, in the event loop's seconds."""
        try:
            async with asyncio.timeout_at(deadline):
                return await self._websocket.recv()
        except TimeoutError:
            return None
        except ConnectionClosed as closed:
            raise _translate(closed) from closed

    def _receive_message(self, raw: str) -> bool:
        """Deliver a message of a room without queueing it; return false for other frames."""
        frame = parse_document(raw) if raw.startswith(_MESSAGE_FRAME) else None
        if frame is None:
            return False
        self._dispatch(frame)
        return True

    def _dispatch(self, frame: Frame) -> None:
        match frame:
            case {"msg": "changed", "collection": str(stream), "fields": {"eventName": str(event)}}:
                self._deliver(stream, event, frame["fields"].get("args"))
            case {"msg": "result", "id": str(key)}:
                self._resolve(key, frame)
            case {"msg": "ready", "subs": [*keys]}:
                self._note_ready(keys, frame)
            case {"msg": "nosub", "id": str(key)}:
                self._note_nosub(key, frame)
            case {"msg": "connected" | "failed"}:
                self._resolve(_CONNECT, frame)
            case {"msg": "error"}:
                # Its offendingMessage repeats what was sent, which may be the token.
                self._warnings.note("the workspace did not understand a frame")
            case {"msg": "added" | "changed" | "removed" | "updated" | "pong"}:
                pass
            case {"server_id": _}:
                pass  # ddp-streamer's greeting, in later versions with the msg "server_id"
            case _:
                self._warnings.note("an unknown frame")

    def _deliver(self, stream: str, event: str, arguments: object) -> None:
        callbacks = self._callbacks
        # Subscribed to the empty event are those who want all events of a stream.
        callback = callbacks.get((stream, event)) or callbacks.get((stream, ""))
        if callback is not None:
            callback(event, arguments if isinstance(arguments, list) else [])

    def _resolve(self, key: str, frame: Frame) -> bool:
        """Resolve the future of a request; return false where none waits.

        None does after a time-out, nor for a second answer.
        """
        answer = self._futures.get(key)
        if answer is None or answer.done():
            return False
        answer.set_result(frame)
        return True

    def _note_ready(self, keys: list[object], frame: Frame) -> None:
        for key in keys:
            if isinstance(key, str) and self._resolve(key, frame):
                self._ready.add(key)

    def _note_nosub(self, key: str, frame: Frame) -> None:
        if not self._resolve(key, frame) and key in self._ready:
            raise UnreachableError("the workspace ended a subscription")


def _translate(closed: ConnectionClosed) -> UnreachableError:
    # Only the code: the reason is the server's text and might contain anything.
    return UnreachableError(f"the connection was closed with {closed.code}")
