"""The bot's own web server: connection pages, health."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web

from bot.errors import ConfigError
from bot.web.linking_pages import ConnectionPages
from bot.web.templating import HEADERS, Pages, show_every_failure


class HardenedRequestHandler(web.RequestHandler):
    """Sends the headers that keep everybody else out with its own refusals, too."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Log it, close the connection, and answer without quoting what came."""
        response = super().handle_error(request, status, exc, message)
        response.headers.update(HEADERS)
        if isinstance(response, web.Response):
            response.text = f"{status}: this is no request that can be answered."
        return response


async def serve_on(runner: web.AppRunner, listening: socket.socket) -> asyncio.Server:
    """Let the runner's application answer on the socket, in this protocol; it is set up."""
    loop, server = asyncio.get_running_loop(), runner.server
    if server is None:
        raise RuntimeError("the runner is not set up")

    def speak() -> HardenedRequestHandler:
        # No access log: it would hold the secrets in the links.
        return HardenedRequestHandler(server, loop=loop, access_log=None)  # type: ignore[arg-type] # the way to have none

    return await loop.create_server(speak, sock=listening)


_MAX_FORM: Final = 16 * 1024
_METRICS_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


def make_web_app(
    connections: ConnectionPages,
    pages: Pages,
    is_ready: Callable[[], bool],
    is_alive: Callable[[], bool],
) -> web.Application:
    """Build the application; ``/readyz`` and ``/healthz`` ask anew every time."""

    async def show_readiness(_request: web.Request) -> web.Response:
        ready = is_ready()
        return web.json_response({"ready": ready}, status=200 if ready else 503)

    app = web.Application(client_max_size=_MAX_FORM, middlewares=[show_every_failure(pages)])
    _add_health(app, is_alive)
    app.router.add_get("/readyz", show_readiness)
    app.router.add_get("/style.css", pages.show_style)
    connections.add_routes(app.router)
    return app


def make_health_app(is_alive: Callable[[], bool]) -> web.Application:
    """Build an application of ``/healthz`` alone."""
    app = web.Application()
    _add_health(app, is_alive)
    return app


def _add_health(app: web.Application, is_alive: Callable[[], bool]) -> None:
    async def show_health(_request: web.Request) -> web.Response:
        alive = is_alive()
        return web.json_response({"alive": alive}, status=200 if alive else 503)

    app.router.add_get("/healthz", show_health)


def add_metrics(app: web.Application, render: Callable[[], Awaitable[bytes]]) -> None:
    """Serve what ``render`` writes under ``/metrics``, as Prometheus reads it."""

    async def show_metrics(_request: web.Request) -> web.Response:
        return web.Response(body=await render(), headers={"Content-Type": _METRICS_TYPE})

    app.router.add_get("/metrics", show_metrics)


def open_socket(host: str, port: int) -> socket.socket:
    """Listen there (port 0: any free one); raise ConfigError where that is not possible."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise ConfigError(f"[web] host, port: cannot listen on {host}:{port}: {error}") from error


def fill_port(public_url: str, listening: socket.socket) -> str:
    """Replace port 0 in the address by the port that the socket got."""
    parts = urlsplit(public_url)
    if parts.port != 0:
        return public_url
    port = listening.getsockname()[1]
    return parts._replace(netloc=f"{parts.hostname}:{port}").geturl()


@asynccontextmanager
async def open_web_server(app: web.Application, listening: socket.socket) -> AsyncIterator[None]:
    """Serve the application on the socket, which is closed in the end."""
    runner = web.AppRunner(app, shutdown_timeout=2)
    async with AsyncExitStack() as stack:
        stack.callback(listening.close)
        stack.push_async_callback(runner.cleanup)
        await runner.setup()
        serving = await serve_on(runner, listening)
        stack.callback(serving.close)
        yield
