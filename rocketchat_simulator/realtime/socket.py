"""One websocket: ordered writes, heartbeats, and connection faults."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Final

from aiohttp import WSCloseCode, WSMsgType, web

from rocketchat_simulator.realtime.flavours import Flavour
from rocketchat_simulator.realtime.frames import CLOSE_ABRUPTLY, CLOSE_WITHOUT_CODE, Frame
from rocketchat_simulator.workspace.documents import render_ejson

_CLOSE_TIMEOUT_S: Final = 2.0


class Socket:
    """Writes frames in order from one task; ``hang`` and ``drop`` simulate faults."""

    def __init__(self, request: web.Request, response: web.WebSocketResponse) -> None:
        self.agent: Final = request.headers.get("User-Agent", "")
        self._transport: Final = request.transport
        self._response: Final = response
        self._outgoing: Final[asyncio.Queue[str | int]] = asyncio.Queue()
        self._may_write: Final = asyncio.Event()
        self._may_write.set()
        self._has_received: Final = asyncio.Event()

    def send(self, frame: Frame) -> None:
        """Queue a frame in its present state; frames are sent in this order."""
        self._outgoing.put_nowait(
            json.dumps(render_ejson(frame), ensure_ascii=False, separators=(",", ":"))
        )

    def close(self, code: int = WSCloseCode.OK) -> None:
        """Close with a code, after the frames queued so far.

        1005 sends a close frame without a code; 1006 cuts the connection at once.
        """
        if code == CLOSE_ABRUPTLY:
            self.drop()
        else:
            self._outgoing.put_nowait(code)

    def drop(self) -> None:
        """Cut the connection without a closing handshake; the client reports 1006."""
        if self._transport is not None:
            self._transport.abort()

    def hang(self) -> None:
        """Stop reading and writing without closing, as a network that loses all packets."""
        self._may_write.clear()
        if isinstance(self._transport, asyncio.ReadTransport):
            self._transport.pause_reading()

    async def write(self) -> None:
        """Send the queued frames until ``close``."""
        while True:
            item = await self._outgoing.get()
            await self._may_write.wait()
            if isinstance(item, int):
                break
            with contextlib.suppress(ConnectionError):
                await self._response.send_str(item)
        with contextlib.suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(_CLOSE_TIMEOUT_S):
                if item == CLOSE_WITHOUT_CODE:
                    # The client answers with its own close frame, which ends read().
                    await self._response.send_frame(b"", WSMsgType.CLOSE)
                else:
                    await self._response.close(code=item)

    async def read(self) -> AsyncIterator[str]:
        """Yield each text frame that the client sends, until the connection ends."""
        async for message in self._response:
            if message.type is WSMsgType.TEXT:
                self._has_received.set()
                yield message.data

    async def run_streamer_heartbeat(self, flavour: Flavour, ping: Frame) -> None:
        """Ping after each interval in which nothing was received, as ddp-streamer does.

        The first interval is a thousandth of the others (server source
        ``ee/apps/ddp-streamer/src/Client.ts``, 8.x).
        """
        interval = flavour.ping_after / 1000
        while True:
            if await self._receives_within(interval):
                interval = flavour.ping_after
                continue
            self.send(ping)
            if not await self._receives_within(flavour.pong_within):
                self.close(flavour.timeout_code)
                return
            interval = flavour.ping_after

    async def _receives_within(self, seconds: float) -> bool:
        self._has_received.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._has_received.wait()
        except TimeoutError:
            return False
        return True

    async def run_meteor_heartbeat(self, flavour: Flavour, ping: Frame) -> None:
        """Ping at the end of each fixed interval in which nothing was received, as Meteor does.

        A received frame does not restart the interval, so a client is pinged between one and two
        intervals after its last frame (as seen on 6.5.3 and 8.3).
        """
        while True:
            self._has_received.clear()
            await asyncio.sleep(flavour.ping_after)
            if self._has_received.is_set():
                continue
            self.send(ping)
            if not await self._receives_within(flavour.pong_within):
                self.close(flavour.timeout_code)
                return
