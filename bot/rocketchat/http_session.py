"""HTTP sessions with the workspace, and bodies of responses."""

from collections.abc import AsyncIterator
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urlsplit

from aiohttp import ClientResponse, ClientSession, ClientTimeout, DummyCookieJar, TCPConnector

from bot.errors import ProtocolError
from bot.rocketchat.network import find_proxy, make_tls_context


def make_session(url: str, timeout: ClientTimeout, ca_file: Path | None) -> ClientSession:
    """Make a session for requests to ``url``, through the proxy on the way there.

    ``ca_file`` holds certificates to trust beside the system's. A request that may be redirected
    from ``http`` to ``https`` must name them, too. Raises ConfigError and OSError.
    """
    is_secure = urlsplit(url).scheme == "https"
    return ClientSession(
        headers={"User-Agent": f"session-bot/{version('session-bot')}"},
        timeout=timeout,
        cookie_jar=DummyCookieJar(),
        # True is what aiohttp trusts, which is nothing: see __init__.py.
        connector=TCPConnector(ssl=make_tls_context(ca_file) if is_secure else True),
        proxy=find_proxy(url),
    )


async def read_body(name: str, response: ClientResponse, max_bytes: int) -> bytes:
    """Return the body, read to its end, in however many pieces it arrives.

    Raises ``ProtocolError``, which calls the response by ``name``, above ``max_bytes``.
    """
    return b"".join([piece async for piece in read_pieces(name, response, max_bytes)])


async def read_pieces(name: str, response: ClientResponse, max_bytes: int) -> AsyncIterator[bytes]:
    """Yield the body as it arrives; raise ``ProtocolError`` above ``max_bytes``."""
    # Not read(n): it returns what has arrived, which may be a part.
    size = 0
    async for piece in response.content.iter_any():
        size += len(piece)
        if size > max_bytes:
            raise ProtocolError(f"{name}: the answer is longer than {max_bytes} bytes")
        yield piece
