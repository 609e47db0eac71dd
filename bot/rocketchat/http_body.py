"""Reads the body of an HTTP response."""

from collections.abc import AsyncIterator

from aiohttp import ClientResponse

from bot.errors import ProtocolError


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
