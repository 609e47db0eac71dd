"""The bot's web server: linking pages, health, readiness, metrics."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web

from bot.errors import ConfigError
from bot.web.linking_pages import LinkingPages
from bot.web.templating import HEADERS, Pages, make_error_middleware


class HardenedRequestHandler(web.RequestHandler):
    """Adds the security headers to aiohttp's own error responses, which pass no middleware."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Log the error, close the connection, and answer without quoting the request."""
        response = super().handle_error(request, status, exc, message)
        response.headers.update(HEADERS)
        if isinstance(response, web.Response):
            response.text = f"{status}: this request cannot be answered."
        return response


async def _serve(runner: web.AppRunner, listening: socket.socket) -> asyncio.Server:
    """Serve the application of a runner that is set up on the socket."""
    loop, server = asyncio.get_running_loop(), runner.server
    if server is None:
        raise RuntimeError("the runner is not set up")

    def make_handler() -> HardenedRequestHandler:
        # No access log: it would contain the secrets in the links.
        return HardenedRequestHandler(server, loop=loop, access_log=None)  # type: ignore[arg-type] # None turns it off

    return await loop.create_server(make_handler, sock=listening)


_MAX_FORM_BYTES: Final = 16 * 1024
_SHUTDOWN_TIMEOUT_S: Final = 2
_METRICS_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


def make_web_app(
    linking_pages: LinkingPages,
    pages: Pages,
    is_ready: Callable[[], bool],
    is_alive: Callable[[], bool],
) -> web.Application:
    """Build the application: linking pages, ``/readyz`` and ``/healthz``."""

    async def show_readiness(_request: web.Request) -> web.Response:
        ready = is_ready()
        return web.json_response({"ready": ready}, status=200 if ready else 503)

    app = web.Application(
        client_max_size=_MAX_FORM_BYTES, middlewares=[make_error_middleware(pages)]
    )
    _add_health(app, is_alive)
    app.router.add_get("/readyz", show_readiness)
    app.router.add_get("/style.css", pages.serve_style)
    linking_pages.add_routes(app.router)
    return app


def make_health_app(is_alive: Callable[[], bool]) -> web.Application:
    """Build an application with ``/healthz`` only."""
    app = web.Application()
    _add_health(app, is_alive)
    return app


def _add_health(app: web.Application, is_alive: Callable[[], bool]) -> None:
    async def show_health(_request: web.Request) -> web.Response:
        alive = is_alive()
        return web.json_response({"alive": alive}, status=200 if alive else 503)

    app.router.add_get("/healthz", show_health)


def add_metrics(app: web.Application, render: Callable[[], Awaitable[bytes]]) -> None:
    """Serve the Prometheus text that ``render`` returns under ``/metrics``."""

    async def show_metrics(_request: web.Request) -> web.Response:
        return web.Response(body=await render(), headers={"Content-Type": _METRICS_TYPE})

    app.router.add_get("/metrics", show_metrics)


def open_socket(host: str, port: int) -> socket.socket:
    """Listen on a TCP port, 0 for any free one; raise ConfigError where that is not possible."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise ConfigError(f"[web] host, port: cannot listen on {host}:{port}: {error}") from error


def fill_port(public_url: str, listening: socket.socket) -> str:
    """Replace port 0 in the URL by the port that the socket got."""
    parts = urlsplit(public_url)
    if parts.port != 0:
        return public_url
    port = listening.getsockname()[1]
    return parts._replace(netloc=f"{parts.hostname}:{port}").geturl()


@asynccontextmanager
async def open_web_server(app: web.Application, listening: socket.socket) -> AsyncIterator[None]:
    """Serve the application on the socket while the block lasts, then close both."""
    runner = web.AppRunner(app, shutdown_timeout=_SHUTDOWN_TIMEOUT_S)
    async with AsyncExitStack() as stack:
        stack.callback(listening.close)
        stack.push_async_callback(runner.cleanup)
        await runner.setup()
        serving = await _serve(runner, listening)
        stack.callback(serving.close)
        yield
