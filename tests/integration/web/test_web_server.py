"""The web server against clients that send nothing, too little, too slowly or no form at all."""

import asyncio
import io
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from urllib.parse import urlsplit

import aiohttp
import pytest
from aiohttp import web

from bot.logs import open_logs
from bot.models import Sender
from bot.parsing import Listener
from bot.web.server import make_web_app, open_socket, open_web_server
from bot.web.templating import Pages
from tests.support.deadlines import DEADLINE_S

IDLE_SOCKETS = 1050
HEAD = "POST /connect/x HTTP/1.1\r\nHost: bot\r\nContent-Type: {}\r\nContent-Length: {}\r\n\r\n"
FORM = "application/x-www-form-urlencoded"


class _Routes:
    """Stands for the linking pages: a form that is only read."""

    def add_routes(self, router: web.UrlDispatcher, root: str) -> None:
        router.add_post(root + "/connect/{secret}", self._submit)

    async def _submit(self, request: web.Request) -> web.Response:
        return web.Response(text=str(len(await request.post())))


@asynccontextmanager
async def serve(*, timeout_s: float = DEADLINE_S) -> AsyncIterator[int]:
    listener = Listener(Sender("bot", "sessions"), "!")
    pages = Pages(listener, "https://chat.example.org", "https://bot.example.org")
    app = make_web_app(
        _Routes(),  # type: ignore[arg-type] # only its routes are asked for
        pages,
        is_ready=lambda: True,
        is_alive=lambda: True,
        body_timeout_s=timeout_s,
    )
    async with (
        open_web_server("127.0.0.1", 0, idle_timeout_s=timeout_s) as server,
        server.serve(app),
    ):
        yield urlsplit(server.fill_port("http://127.0.0.1:0")).port or 0


async def send(port: int, text: str) -> str:
    """Return what the server answers, until it closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(text.encode("latin-1"))
    async with asyncio.timeout(DEADLINE_S):
        answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer.decode()


async def fetch_health(port: int) -> int:
    async with (
        asyncio.timeout(DEADLINE_S),
        aiohttp.ClientSession() as http,
        http.get(f"http://127.0.0.1:{port}/healthz") as response,
    ):
        return response.status


def is_closed(client: socket.socket) -> bool:
    try:
        return client.recv(1, socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


async def test_idle_sockets_keep_nobody_out_and_fill_no_log() -> None:
    log = io.StringIO()
    open_logs("INFO", "text", log)
    loop = asyncio.get_running_loop()
    async with AsyncExitStack() as stack:
        port = await stack.enter_async_context(serve(timeout_s=10 * DEADLINE_S))
        clients = []
        for _ in range(IDLE_SOCKETS):
            client = stack.enter_context(socket.socket())
            client.settimeout(0)
            await loop.sock_connect(client, ("127.0.0.1", port))
            clients.append(client)
        assert await fetch_health(port) == 200
        async with asyncio.timeout(DEADLINE_S):
            while sum(not is_closed(client) for client in clients) > 100:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.01)
        # The newest are kept.
        assert not is_closed(clients[-1])
    # It says so, and ever less often.
    lines = log.getvalue().splitlines()
    assert 0 < len(lines) <= IDLE_SOCKETS.bit_length()
    assert all("too many connections; idle ones are closed" in line for line in lines)


async def test_idle_sockets_of_many_addresses_keep_nobody_out() -> None:
    loop = asyncio.get_running_loop()
    async with AsyncExitStack() as stack:
        port = await stack.enter_async_context(serve(timeout_s=10 * DEADLINE_S))
        clients = []
        for number in range(360):
            client = stack.enter_context(socket.socket())
            client.settimeout(0)
            client.bind((f"127.0.0.{2 + number % 4}", 0))
            await loop.sock_connect(client, ("127.0.0.1", port))
            clients.append(client)
        assert await fetch_health(port) == 200
        async with asyncio.timeout(DEADLINE_S):
            while sum(not is_closed(client) for client in clients) > 200:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    "text", ["", "GET / HTTP/1.1\r\nHost: b", "GET /healthz HTTP/1.1\r\nHost: b\r\n\r\n"]
)
async def test_a_connection_without_a_request_is_closed(text: str) -> None:
    is_whole = text.endswith("\r\n\r\n")
    # What is whole is read and answered before the connection is idle for so long.
    async with serve(timeout_s=1.0 if is_whole else 0.2) as port:
        answer = await send(port, text)
    assert answer.startswith("HTTP/1.1 200") == is_whole


async def test_a_body_that_does_not_come_is_not_waited_for() -> None:
    async with serve(timeout_s=0.2) as port:
        assert (await send(port, HEAD.format(FORM, 100) + "a=b")).startswith("HTTP/1.1 408")


async def test_a_body_above_the_limit_is_refused() -> None:
    async with (
        serve() as port,
        aiohttp.ClientSession() as http,
        http.post(f"http://127.0.0.1:{port}/connect/x", data={"a": "b" * 20_000}) as response,
    ):
        assert response.status == 413


async def test_a_body_that_breaks_off_leaves_no_traceback() -> None:
    log = io.StringIO()
    open_logs("INFO", "text", log)
    async with serve() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(HEAD.format(FORM, 100).encode() + b"a=b")
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        assert await reader.read() == b""
        assert await fetch_health(port) == 200
    assert log.getvalue() == ""


@pytest.mark.parametrize("text", ["nonsense\r\n\r\n", "GET / HTTP/1.1\r\nX: a\0b\r\n\r\n"])
async def test_what_is_no_http_leaves_no_traceback(text: str) -> None:
    log = io.StringIO()
    open_logs("INFO", "text", log)
    async with serve() as port:
        assert (await send(port, text)).startswith(("HTTP/1.1 400", "HTTP/1.0 400"))
    assert log.getvalue() == ""


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_two_colons_listen_on_every_address(address: str) -> None:
    with (
        open_socket("::", 0) as listening,
        socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as client,
    ):
        client.connect((address, listening.getsockname()[1]))
