"""What travels over one link: questions, their answers, and what is heard unasked."""

import asyncio
import json
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, Final

import structlog
from rocketchat_async.dispatcher import Dispatcher
from websockets.exceptions import ConnectionClosed

from bot.backoff import Backoff
from bot.errors import RefusedError, UnreachableError
from bot.rocketchat.realtime.websocket import WebSocket
from bot.rocketchat.transport import parse_document


class SampledWarnings:
    """Counts what should not happen and logs it, never with its content."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._log = structlog.get_logger("realtime")

    def note(self, event: str, **values: str) -> None:
        """Count one more, and log the 1st, 2nd, 4th, 8th …: a flood must not fill the disk."""
        self._counts[event] += 1
        count = self._counts[event]
        if count & (count - 1) == 0:
            self._log.warning(event, count=count, **values)


def format_origin(error: Exception) -> str:
    """Say what was raised and where, but not its text: that may quote a message."""
    steps = traceback.extract_tb(error.__traceback__)
    where = f" in {steps[-1].name}, line {steps[-1].lineno}" if steps else ""
    return type(error).__name__ + where


Frame = dict[str, Any]

_CONNECT: Final = "connect"
"""The key under which ``connected`` or ``failed`` is awaited; real ids are numbers."""

_OF_MESSAGE: Final = '{"msg":"changed","collection":"stream-room-messages",'
"""Other spellings are missed, which merely costs time: they go the way of all other frames."""


class DdpClient(Dispatcher):  # type: ignore[misc]  # no types
    """The library's dispatcher; no frame, no late answer and no lost link leaves it stuck.

    ``ids`` must not repeat over connections: the server ignores a subscription id that it has
    seen. A callback may raise a ``WorkspaceError`` to end the link, and nothing else.
    """

    def __init__(
        self,
        link: WebSocket,
        *,
        ids: Iterator[int],
        timing: Backoff,
        oddities: SampledWarnings,
    ) -> None:
        # The library's ``verbose`` prints frames, and with them the token.
        super().__init__(verbose=False)
        self._websocket = link
        self._ids = ids
        self._timing = timing
        self._oddities = oddities
        self._ready: set[str] = set()
        link.take_at_once = self._take_message

    def make_id(self) -> str:
        """Make an id for a method call or a subscription."""
        return str(next(self._ids))

    async def run(self) -> None:
        """Read the link to its end, in the caller's task; always ends in ``UnreachableError``."""
        await self._process_incoming()

    async def connect(self, message: Frame) -> Frame:
        """Say ``connect``; answers with the ``connected`` or ``failed`` frame."""
        return await self._ask(_CONNECT, message)

    async def call_method(self, msg: Frame, msg_id: str | None = None) -> Frame | None:
        """Send a frame, and with an id wait for its ``result``, whatever comes before it.

        The monolith says ``updated`` first, ddp-streamer ``result``; only the id counts.
        """
        if msg_id is None:
            await self._send(msg)
            return None
        return await self._ask(msg_id, msg)

    async def create_subscription(
        self, msg: Frame, msg_id: str, callback: Callable[[Frame], None]
    ) -> None:
        """Subscribe and wait for ``ready``; raises ``RefusedError`` on ``nosub``."""
        # The library keys by stream alone, so that a second event replaces the first.
        event = (msg["name"], msg["params"][0])
        self._callbacks[event] = callback
        answer = await self._ask(msg_id, msg)
        if answer["msg"] != "ready":
            del self._callbacks[event]
            raise RefusedError(f"the workspace refused the stream {msg['name']}")

    async def _ask(self, key: str, message: Frame) -> Frame:
        answer: asyncio.Future[Frame] = asyncio.get_running_loop().create_future()
        self._futures[key] = answer
        try:
            async with asyncio.timeout(self._timing.call):
                await self._send(message)
                return await answer
        except TimeoutError:
            seconds = self._timing.call
            raise UnreachableError(f"no answer to {message['msg']} in {seconds:g} s") from None
        finally:
            del self._futures[key]

    async def _send(self, message: Frame) -> None:
        try:
            async with asyncio.timeout(self._timing.call):
                await self._websocket.send(json.dumps(message))
        except TimeoutError:
            raise UnreachableError("the workspace takes no frames") from None
        except ConnectionClosed as closed:
            raise _lost(closed) from closed

    async def _process_incoming(self) -> None:
        while True:
            await self._process_incoming_event()

    async def _process_incoming_event(self) -> None:
        raw = await self._receive()
        frame = parse_document(raw)
        if frame is None:
            self._oddities.note("a frame is no JSON object")
        elif frame.get("msg") == "ping":
            await self._send({"msg": "pong"} | {key: frame[key] for key in frame.keys() & {"id"}})
        else:
            self._take(frame)

    async def _receive(self) -> str | bytes:
        """Return the next frame; what the link keeps to itself is a sign of life, too."""
        link, timing, now = self._websocket, self._timing, asyncio.get_running_loop().time
        while True:
            if (frame := await self._hear(link.heard_at + timing.silence)) is not None:
                return frame
            if now() < link.heard_at + timing.silence:
                continue
            before = link.heard_at
            await self._send({"msg": "ping"})
            if (frame := await self._hear(now() + timing.pong)) is not None:
                return frame
            if link.heard_at == before:
                seconds = timing.silence + timing.pong
                raise UnreachableError(f"not a frame in {seconds:g} s")

    async def _hear(self, end: float) -> str | bytes | None:
        """Return the next frame that is for us, or None when the loop's clock shows ``end``."""
        try:
            async with asyncio.timeout_at(end):
                return await self._websocket.recv()
        except TimeoutError:
            return None
        except ConnectionClosed as closed:
            raise _lost(closed) from closed

    def _take_message(self, raw: str) -> bool:
        """Deliver what is said in a room while the link reads on; false for all else.

        Whoever hears messages never raises.
        """
        frame = parse_document(raw) if raw.startswith(_OF_MESSAGE) else None
        if frame is None:
            return False
        self._take(frame)
        return True

    def _take(self, frame: Frame) -> None:
        match frame:
            case {"msg": "changed", "collection": str(stream), "fields": {"eventName": str(event)}}:
                self._deliver(stream, event, frame)
            case {"msg": "result", "id": str(key)}:
                self._answer(key, frame)
            case {"msg": "ready", "subs": [*keys]}:
                self._note_ready(keys, frame)
            case {"msg": "nosub", "id": str(key)}:
                self._note_refusal(key, frame)
            case {"msg": "connected" | "failed"}:
                self._answer(_CONNECT, frame)
            case {"msg": "error"}:
                # Its offendingMessage repeats what was sent, which may be the token.
                self._oddities.note("the workspace did not understand a frame")
            case {"msg": "added" | "changed" | "removed" | "updated" | "pong"}:
                pass
            case {"server_id": _}:
                pass  # ddp-streamer's greeting, of later versions with the msg "server_id"
            case _:
                self._oddities.note("an unknown frame")

    def _deliver(self, stream: str, event: str, frame: Frame) -> None:
        callback = self._callbacks.get((stream, event))
        if callback is not None:
            callback(frame)

    def _answer(self, key: str, frame: Frame) -> bool:
        # Nobody waits where the call timed out, and a repeated answer is no answer.
        answer = self._futures.get(key)
        if answer is None or answer.done():
            return False
        answer.set_result(frame)
        return True

    def _note_ready(self, keys: list[object], frame: Frame) -> None:
        for key in keys:
            if isinstance(key, str) and self._answer(key, frame):
                self._ready.add(key)

    def _note_refusal(self, key: str, frame: Frame) -> None:
        if not self._answer(key, frame) and key in self._ready:
            raise UnreachableError("the workspace ended a subscription")


def _lost(closed: ConnectionClosed) -> UnreachableError:
    # The reason is the server's text, the code is all that is known to be harmless.
    return UnreachableError(f"the connection was closed with {closed.code}")
