"""One websocket: frames go out in order, silence is noticed, and it can be made to misbehave."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Final

from aiohttp import WSCloseCode, WSMsgType, web

from bot.simulator.documents import render_ejson
from bot.simulator.realtime.frames import Frame

_CLOSE_SECONDS: Final = 2.0


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
        """Close, with 1000 or another code, after everything queued so far has gone out."""
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
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_SECONDS):
                await self._response.close(code=item)

    async def read(self) -> AsyncIterator[str]:
        """Yield each text that the client sends, until the connection ends."""
        async for message in self._response:
            if message.type is WSMsgType.TEXT:
                self._heard.set()
                yield message.data

    async def watch(
        self, ping_after: float, pong_within: float, ping: Frame, code: int = WSCloseCode.OK
    ) -> None:
        """Ping after an interval of silence, close where nothing is heard in time (seconds).

        The interval ticks on whatever is heard, as Meteor's heartbeat does: a client is pinged
        between one and two intervals after its last word (as seen on 6.5.3 and 8.3).
        """
        while True:
            self._heard.clear()
            await asyncio.sleep(ping_after)
            if self._heard.is_set():
                continue
            self.send(ping)
            try:
                async with asyncio.timeout(pong_within):
                    await self._heard.wait()
            except TimeoutError:
                self.close(code)
                return
