"""Reads the body of an HTTP response."""

from aiohttp import ClientResponse

from bot.errors import ProtocolError


async def read_body(name: str, response: ClientResponse, max_bytes: int) -> bytes:
    """Return the body, read to its end, in however many pieces it arrives.

    Raises ``ProtocolError``, which calls the response by ``name``, above ``max_bytes``.
    """
    # Not read(n): it returns what has arrived, which may be a part.
    content = bytearray()
    async for piece in response.content.iter_any():
        content += piece
        if len(content) > max_bytes:
            raise ProtocolError(f"{name}: the answer is longer than {max_bytes} bytes")
    return bytes(content)
