"""One websocket: frames go out in order, silence is noticed, and it can be made to misbehave."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Final

from aiohttp import WSCloseCode, WSMsgType, web

from rocketchat_simulator.realtime.flavours import Flavour
from rocketchat_simulator.realtime.frames import Frame
from rocketchat_simulator.workspace.documents import render_ejson

_CLOSE_SECONDS: Final = 2.0
_NO_CODE: Final = 1005
_CUT: Final = 1006


class Socket:
    """Writes frames in order from one task; ``hang`` and ``drop`` break it on purpose."""

    def __init__(self, request: web.Request, response: web.WebSocketResponse) -> None:
        self._transport: Final = request.transport
        self._response: Final = response
        self._outgoing: Final[asyncio.Queue[str | int]] = asyncio.Queue()
        self._may_write: Final = asyncio.Event()
        self._may_write.set()
        self._heard: Final = asyncio.Event()

    def send(self, frame: Frame) -> None:
        """Queue a frame as it is now; nothing is lost and nothing overtakes."""
        self._outgoing.put_nowait(
            json.dumps(render_ejson(frame), ensure_ascii=False, separators=(",", ":"))
        )

    def close(self, code: int = WSCloseCode.OK) -> None:
        """Close, with 1000 or another code, after everything queued so far has gone out.

        1005 is a close frame without a code, 1006 none at all: the connection is cut at once.
        """
        if code == _CUT:
            self.drop()
        else:
            self._outgoing.put_nowait(code)

    def drop(self) -> None:
        """Cut the connection without a closing handshake; the client sees 1006."""
        if self._transport is not None:
            self._transport.abort()

    def hang(self) -> None:
        """Neither read nor write any more, without closing: a network gone silent."""
        self._may_write.clear()
        if isinstance(self._transport, asyncio.ReadTransport):
            self._transport.pause_reading()

    async def write(self) -> None:
        """Send what is queued until ``close``; run it as a task."""
        while True:
            item = await self._outgoing.get()
            await self._may_write.wait()
            if isinstance(item, int):
                break
            with contextlib.suppress(ConnectionError):
                await self._response.send_str(item)
        with contextlib.suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(_CLOSE_SECONDS):
                if item == _NO_CODE:
                    # The client answers with its own, and that ends the reading.
                    await self._response.send_frame(b"", WSMsgType.CLOSE)
                else:
                    await self._response.close(code=item)

    async def read(self) -> AsyncIterator[str]:
        """Yield each text that the client sends, until the connection ends."""
        async for message in self._response:
            if message.type is WSMsgType.TEXT:
                self._heard.set()
                yield message.data

    async def watch_idle(self, flavour: Flavour, ping: Frame) -> None:
        """Ping whenever nothing was heard for an interval, as ddp-streamer does.

        The first ping comes after a thousandth of it where the client says nothing at all
        (server source ``ee/apps/ddp-streamer/src/Client.ts``, 8.x).
        """
        pause = flavour.ping_after / 1000
        while True:
            if await self._hears_within(pause):
                pause = flavour.ping_after
                continue
            self.send(ping)
            if not await self._hears_within(flavour.pong_within):
                self.close(flavour.timeout_code)
                return
            pause = flavour.ping_after

    async def _hears_within(self, seconds: float) -> bool:
        self._heard.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._heard.wait()
        except TimeoutError:
            return False
        return True

    async def watch(self, flavour: Flavour, ping: Frame) -> None:
        """Ping after an interval of silence, close where nothing is heard in time (seconds).

        The interval ticks on whatever is heard, as Meteor's heartbeat does: a client is pinged
        between one and two intervals after its last word (as seen on 6.5.3 and 8.3).
        """
        while True:
            self._heard.clear()
            await asyncio.sleep(flavour.ping_after)
            if self._heard.is_set():
                continue
            self.send(ping)
            if not await self._hears_within(flavour.pong_within):
                self.close(flavour.timeout_code)
                return
