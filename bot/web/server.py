"""The bot's own web server: connection pages, health."""

import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import web

from bot.errors import ConfigError
from bot.web.connect import ConnectionPages
from bot.web.pages import Pages, show_every_failure

_LARGEST_FORM: Final = 16 * 1024


def make_web_app(
    connections: ConnectionPages,
    pages: Pages,
    is_ready: Callable[[], bool],
    is_alive: Callable[[], bool],
) -> web.Application:
    """Build the application; ``/readyz`` and ``/healthz`` ask anew every time."""

    async def show_health(_request: web.Request) -> web.Response:
        alive = is_alive()
        return web.json_response({"alive": alive}, status=200 if alive else 503)

    async def show_readiness(_request: web.Request) -> web.Response:
        ready = is_ready()
        return web.json_response({"ready": ready}, status=200 if ready else 503)

    app = web.Application(client_max_size=_LARGEST_FORM, middlewares=[show_every_failure(pages)])
    app.router.add_get("/healthz", show_health)
    app.router.add_get("/readyz", show_readiness)
    app.router.add_get("/style.css", pages.show_style)
    connections.add_routes(app.router)
    return app


def open_socket(host: str, port: int) -> socket.socket:
    """Listen there (port 0: any free one); raise ConfigError where that is not possible."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise ConfigError(f"[web] host, port: cannot listen on {host}:{port}: {error}") from error


@asynccontextmanager
async def open_web_server(app: web.Application, listening: socket.socket) -> AsyncIterator[None]:
    """Serve the application on the socket, which is closed in the end."""
    # No access log: it would hold the secrets in the links.
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=2)
    try:
        await runner.setup()
        await web.SockSite(runner, listening).start()
        yield
    finally:
        await runner.cleanup()
        listening.close()
