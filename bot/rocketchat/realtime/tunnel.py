"""A TCP connection to the workspace through an HTTP proxy, which websockets 10.4 does not know."""

import asyncio
import base64
import re
import socket
from typing import Final
from urllib.parse import unquote, urlsplit

from bot.errors import UnreachableError

_DEFAULT_PORT: Final = 80
_MAX_ANSWER_BYTES: Final = 16 * 1024
_SUCCESS: Final = re.compile(rb"HTTP/1\.[01] 2\d\d")


async def open_tunnel(proxy: str, host: str, port: int) -> socket.socket:
    """Return a socket that the proxy connects to the host; raises UnreachableError, OSError."""
    parts, loop = urlsplit(proxy), asyncio.get_running_loop()
    address = (parts.hostname or "", parts.port or _DEFAULT_PORT)
    found = await loop.getaddrinfo(*address, type=socket.SOCK_STREAM)
    family, kind, protocol, _, target = found[0]
    tunnel = socket.socket(family, kind, protocol)
    try:
        tunnel.setblocking(False)  # noqa: FBT003 - the library's own
        await loop.sock_connect(tunnel, target)
        await loop.sock_sendall(tunnel, _format_request(proxy, host, port))
        await _read_answer(tunnel)
    except BaseException:
        tunnel.close()
        raise
    return tunnel


def _format_request(proxy: str, host: str, port: int) -> bytes:
    target, parts = f"[{host}]:{port}" if ":" in host else f"{host}:{port}", urlsplit(proxy)
    lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
    if parts.username:
        login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        lines.append(f"Proxy-Authorization: Basic {base64.b64encode(login.encode()).decode()}")
    return "\r\n".join([*lines, "", ""]).encode()


async def _read_answer(tunnel: socket.socket) -> None:
    # Nothing of the workspace's can follow: there the client speaks first.
    loop, answer = asyncio.get_running_loop(), b""
    while b"\r\n\r\n" not in answer:
        piece = await loop.sock_recv(tunnel, _MAX_ANSWER_BYTES)
        answer += piece
        if not piece or len(answer) > _MAX_ANSWER_BYTES:
            raise UnreachableError("the proxy closed the connection")
    if not _SUCCESS.match(answer):
        status = answer[9:12].decode("ascii", "replace")
        raise UnreachableError(f"the proxy refused with {status}")
