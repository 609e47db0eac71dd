"""The bot's web server: linking pages, health, readiness, metrics."""

import asyncio
import errno
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler

from bot.errors import ConfigError
from bot.metrics import Metrics
from bot.web.connections import ConnectionLimits, HardenedRequestHandler
from bot.web.linking_pages import LinkingPages
from bot.web.templating import HEADERS, Pages, limit_bodies, make_error_middleware

PROBE_PATH: Final = "/connect/alive"
"""The same as ``/healthz``, where a reverse proxy passes it on; no link is so short."""
_MAX_FORM_BYTES: Final = 16 * 1024
_SHUTDOWN_TIMEOUT_S: Final = 2
IDLE_TIMEOUT_S: Final = 10.0
"""For a request's headers to arrive, and between two requests of one connection."""
BODY_TIMEOUT_S: Final = 10.0
_UNREAD_BODY_TIMEOUT_S: Final = 1.0
_METRICS_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


def make_web_app(
    linking_pages: LinkingPages,
    pages: Pages,
    is_ready: Callable[[], bool],
    is_alive: Callable[[], bool],
    *,
    body_timeout_s: float = BODY_TIMEOUT_S,
) -> web.Application:
    """Build the application: linking pages, ``/readyz`` and ``/healthz``.

    A request's body must arrive within ``body_timeout_s``.
    """
    app = web.Application(
        client_max_size=_MAX_FORM_BYTES,
        middlewares=[make_error_middleware(pages), limit_bodies(body_timeout_s)],
    )
    _add_health(app, is_alive, is_ready)
    # With the path of the public URL and without it: a reverse proxy may pass on either.
    for root in sorted({"", pages.root}):
        app.router.add_get(root + PROBE_PATH, _make_probe("alive", is_alive))
        app.router.add_get(f"{root}/style.css", pages.serve_style)
        linking_pages.add_routes(app.router, root)
    return app


def make_health_app(is_alive: Callable[[], bool], is_ready: Callable[[], bool]) -> web.Application:
    """Build the application of a worker: ``/healthz`` and ``/readyz``."""
    app = web.Application(client_max_size=_MAX_FORM_BYTES)
    _add_health(app, is_alive, is_ready)
    return app


def make_starting_app() -> web.Application:
    """Build the application of a bot that starts: alive, and not ready for anything else."""

    async def ask_to_wait(_request: web.Request) -> web.Response:
        text = "The bot is starting; try again in a moment."
        return web.Response(status=503, text=text, headers={**HEADERS, "Retry-After": "5"})

    app = web.Application(client_max_size=_MAX_FORM_BYTES)
    _add_health(app, is_alive=lambda: True, is_ready=lambda: False)
    app.router.add_get("/{root:.*}" + PROBE_PATH, _make_probe("alive", lambda: True))
    app.router.add_route("*", "/{path:.*}", ask_to_wait)
    return app


def _make_probe(name: str, is_so: Callable[[], bool]) -> Handler:
    """Return the page that answers ``{name: true}``, with 503 where it is false."""

    async def show(_request: web.Request) -> web.Response:
        answer = is_so()
        return web.json_response({name: answer}, status=200 if answer else 503)

    return show


def _add_health(
    app: web.Application, is_alive: Callable[[], bool], is_ready: Callable[[], bool]
) -> None:
    app.router.add_get("/healthz", _make_probe("alive", is_alive))
    app.router.add_get("/readyz", _make_probe("ready", is_ready))


def _add_metrics(app: web.Application, render: Callable[[], Awaitable[bytes]]) -> None:
    async def show_metrics(_request: web.Request) -> web.Response:
        return web.Response(body=await render(), headers={"Content-Type": _METRICS_TYPE})

    app.router.add_get("/metrics", show_metrics)


def open_socket(host: str, port: int) -> socket.socket:
    """Listen on a TCP port, 0 for any free one; raise ConfigError where that is not possible.

    The host ``::`` means IPv4, too, where the system can do both on one socket.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    is_dual = host == "::" and socket.has_dualstack_ipv6()
    try:
        return socket.create_server((host, port), family=family, dualstack_ipv6=is_dual)
    except OSError as error:
        is_taken = error.errno == errno.EADDRINUSE
        reason = "another program does; choose another port" if is_taken else error.strerror
        raise ConfigError(f"[web] host, port: cannot listen on {host}:{port}: {reason}") from error


class WebServer:
    """Serves one application at a time on a socket that stays open."""

    def __init__(
        self, listening: socket.socket, idle_timeout_s: float, *, has_metrics: bool
    ) -> None:
        self._listening: Final = listening
        self._has_metrics: Final = has_metrics
        self._idle_timeout_s: Final = idle_timeout_s
        self._limits: Final = ConnectionLimits()
        self._current: Final = AsyncExitStack()

    def fill_port(self, public_url: str) -> str:
        """Replace port 0 in the URL by the port that the socket got."""
        parts = urlsplit(public_url)
        if parts.port != 0:
            return public_url
        port = self._listening.getsockname()[1]
        return parts._replace(netloc=f"{parts.netloc.rpartition(':')[0]}:{port}").geturl()

    @asynccontextmanager
    async def serve(
        self,
        app: web.Application,
        render_metrics: Callable[[], Awaitable[bytes]] | None = None,
        metrics: Metrics | None = None,
    ) -> AsyncIterator[None]:
        """Serve this application in place of another; at the end, finish the running requests.

        With ``has_metrics``, the Prometheus text that ``render_metrics`` returns is ``/metrics``.
        Connections are counted in ``metrics``. Those that come between two applications wait in
        the socket's queue.
        """
        if metrics is not None:
            self._add_counters(metrics)
        if self._has_metrics and render_metrics is not None:
            _add_metrics(app, render_metrics)
        await self._current.aclose()
        try:
            await self._start(app)
            yield
        finally:
            await self._current.aclose()

    def _add_counters(self, metrics: Metrics) -> None:
        limits = self._limits
        metrics.add_gauge("web_connections", "Open connections", lambda: limits.count)
        metrics.add_counter(
            "web_connections_closed",
            "Idle connections that were closed because there were too many",
            lambda: limits.closed,
        )

    async def _start(self, app: web.Application) -> None:
        runner = web.AppRunner(app, shutdown_timeout=_SHUTDOWN_TIMEOUT_S)
        self._current.push_async_callback(runner.cleanup)
        await runner.setup()
        if runner.server is None:
            raise RuntimeError("the runner is not set up")
        loop = asyncio.get_running_loop()
        make_handler = partial(
            HardenedRequestHandler,
            runner.server,
            self._limits,
            loop=loop,
            # It would contain the secrets in the links.
            access_log=None,
            keepalive_timeout=self._idle_timeout_s,
            lingering_time=_UNREAD_BODY_TIMEOUT_S,
        )
        # A copy, because the server closes its socket at its end.
        serving = await loop.create_server(make_handler, sock=self._listening.dup())
        self._current.callback(serving.close)


@asynccontextmanager
async def open_web_server(
    host: str, port: int, *, has_metrics: bool = False, idle_timeout_s: float = IDLE_TIMEOUT_S
) -> AsyncIterator[WebServer]:
    """Listen, and serve the application of a bot that starts, until another one.

    A connection without a request is closed after ``idle_timeout_s``. Raises ConfigError as
    ``open_socket`` does.
    """
    listening = open_socket(host, port)
    server = WebServer(listening, idle_timeout_s, has_metrics=has_metrics)
    with listening:
        async with server.serve(make_starting_app()):
            yield server
