"""A REST server whose responses a test scripts, invalid ones included."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from pydantic import SecretStr

from bot.models import AuthToken

BOT_SECRET = "b0tb0tb0tb0tb0tb0tb0tb0tb0tb0tb0tb0tb0tb0tb"
ANN_SECRET = "annannannannannannannannannannannannanna"
BOT = AuthToken("botid", SecretStr(BOT_SECRET))
ANN = AuthToken("annid", SecretStr(ANN_SECRET))
BEARER = AuthToken("annid", SecretStr(ANN_SECRET), is_bearer=True)
_BETWEEN_PIECES_S = 0.02  # time for the reader to take what has arrived
PAGE = "<!DOCTYPE html><title>Rocket.Chat</title>"

Responder = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class ReceivedRequest:
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: dict[str, Any]


@dataclass
class Script:
    """A server with scripted responses per route; the last response of a route repeats."""

    url: str = ""
    responders: dict[str, list[Responder]] = field(default_factory=dict)
    requests: list[ReceivedRequest] = field(default_factory=list)

    def on(self, route: str, *responders: Responder) -> None:
        self.responders[route] = list(responders)

    def count(self, route: str) -> int:
        return sum(requests.path == route for requests in self.requests)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.json() if request.can_read_body else {}
        self.requests.append(
            ReceivedRequest(
                request.method, request.path, request.query, request.headers.copy(), body
            )
        )
        responders = self.responders.get(request.path, [reply_with(404, text="404 Not Found")])
        responder = responders.pop(0) if len(responders) > 1 else responders[0]
        return await responder(request)


def reply_with(
    status: int = 200,
    document: object = None,
    *,
    text: str | None = None,
    content_type: str = "",
    headers: Mapping[str, str] | None = None,
) -> Responder:
    async def respond(_request: web.Request) -> web.StreamResponse:
        written = json.dumps(document) if text is None else text
        default = "application/json" if text is None else "text/plain"
        return web.Response(
            status=status, text=written, content_type=content_type or default, headers=headers
        )

    return respond


def ok(**document: object) -> Responder:
    return reply_with(200, {**document, "success": True})


def fail(status: int, error: str, **more: object) -> Responder:
    return reply_with(status, {"success": False, "error": error, **more})


async def hang(_request: web.Request) -> web.StreamResponse:
    await asyncio.Event().wait()
    raise AssertionError


async def disconnect(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def cut_off(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    response.content_length = 1000
    await response.prepare(request)
    await response.write(b'{"success": tr')
    assert request.transport is not None
    request.transport.close()
    return response


async def reply_too_long(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    response.enable_compression()
    await response.prepare(request)
    await response.write(b'{"_id": "')
    for _ in range(5):
        await response.write(b"a" * 1024 * 1024)
    await response.write(b'"}')
    return response


@asynccontextmanager
async def serve(responder: Responder) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", responder)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def serve_bytes(*pieces: bytes) -> AsyncIterator[str]:
    """Answer one request per connection with these bytes, a TCP segment or more for each piece."""

    responding: set[asyncio.Task[None]] = set()

    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):  # a client that has read enough hangs up
            await reader.readuntil(b"\r\n\r\n")
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(_BETWEEN_PIECES_S)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    def start(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        responding.add(asyncio.create_task(respond(reader, writer)))

    server = await asyncio.start_server(start, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        await asyncio.gather(*responding)


@asynccontextmanager
async def open_script() -> AsyncIterator[Script]:
    script = Script()
    async with serve(script.answer) as url:
        script.url = url
        yield script
