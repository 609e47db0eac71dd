"""What answers requests that are no HTTP: they never come as far as the application."""

import asyncio
import socket

from aiohttp import web

from bot.web.pages import HEADERS


class CarefulProtocol(web.RequestHandler):
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

    def speak() -> CarefulProtocol:
        # No access log: it would hold the secrets in the links.
        return CarefulProtocol(server, loop=loop, access_log=None)  # type: ignore[arg-type] # the way to have none

    return await loop.create_server(speak, sock=listening)
