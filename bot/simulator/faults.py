"""Making the workspace misbehave on purpose."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from aiohttp import web

Serve = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class _Failure:
    status: int
    body: str
    content_type: str
    delay: float


class Faults:
    """Failures that REST calls will meet; without any, the workspace is itself."""

    def __init__(self) -> None:
        self._waiting: Final[dict[str, deque[_Failure]]] = {}

    def fail_next(  # noqa: PLR0913 - what an answer is made of
        self,
        route: str,
        *,
        status: int = 500,
        body: str = "",
        content_type: str = "text/html",
        delay: float = 0.0,
        times: int = 1,
    ) -> None:
        """Answer the next calls of a route (as ``sessions/info``) like this, after ``delay`` s."""
        failure = _Failure(status, body, content_type, delay)
        self._waiting.setdefault(f"/api/v1/{route}", deque()).extend([failure] * times)

    def forget(self) -> None:
        """Let every call through again."""
        self._waiting.clear()

    @web.middleware
    async def middleware(self, request: web.Request, handler: Serve) -> web.StreamResponse:
        """Stand between the network and the workspace."""
        waiting = self._waiting.get(request.path)
        if not waiting:
            return await handler(request)
        failure = waiting.popleft()
        await asyncio.sleep(failure.delay)
        return web.Response(
            status=failure.status, text=failure.body, content_type=failure.content_type
        )
