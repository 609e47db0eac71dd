"""Making the workspace misbehave on purpose."""

import asyncio
import json
import math
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from random import Random
from typing import Final

from aiohttp import web

Serve = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Outage(Enum):
    """How a workspace is away: what whoever calls it meets."""

    REFUSED = "connections refused"
    UNAVAILABLE = "503 for everything"
    RESET = "connections reset"
    SILENT = "no answer to anything"


@dataclass(frozen=True, slots=True)
class _Failure:
    status: int
    body: str
    content_type: str
    delay: float


@dataclass(frozen=True, slots=True)
class _Hindrance:
    delay: float
    is_lost: bool


class Faults:
    """Failures that calls will meet; without any, the workspace is itself.

    A route is named as in ``sessions/info`` where it belongs to the REST API; anything else is a
    path that begins with a slash, as ``/oauth/token``. ``slowness`` is how many seconds later than
    usual every call is answered (not carried out); websockets are not slowed down.
    """

    def __init__(self) -> None:
        self._failures: Final[dict[str, deque[_Failure]]] = {}
        self._hindrances: Final[dict[str, deque[_Hindrance]]] = {}
        self._met: Final[set[str]] = set()
        self._shares: Final[dict[int, float]] = {}
        self._random = Random()  # noqa: S311 - no secret
        self._outage: Outage | None = None
        self.slowness = 0.0
        self._is_over: Final = asyncio.Event()

    @property
    def is_away(self) -> bool:
        """Whether an outage lasts."""
        return self._outage is not None

    @contextmanager
    def outage(self, kind: Outage) -> Iterator[None]:
        """Let no call through while the block lasts, websockets included.

        Those that are open already are not touched: ``Simulator.outage`` is the whole of it.
        """
        self._outage = kind
        self._is_over.clear()
        try:
            yield
        finally:
            self._outage = None
            self._is_over.set()

    def fail_next(
        self,
        route: str,
        *,
        status: int = 500,
        body: str = "",
        content_type: str = "text/html",
        delay: float = 0.0,
        times: int = 1,
    ) -> None:
        """Answer the next calls of a route like this, after ``delay`` s; nothing is carried out."""
        failure = _Failure(status, body, content_type, delay)
        self._failures.setdefault(_find_path(route), deque()).extend([failure] * times)

    def lose_answer(self, route: str, *, times: int = 1) -> None:
        """Carry the next calls of a route out, but reset the connection instead of answering."""
        self._hinder(route, _Hindrance(0.0, is_lost=True), times)

    def delay_answer(self, route: str, delay: float, *, times: int = 1) -> None:
        """Carry the next calls of a route out at once, but answer after ``delay`` seconds."""
        self._hinder(route, _Hindrance(delay, is_lost=False), times)

    def hang(self, route: str, *, times: int = 1) -> None:
        """Carry the next calls of a route out, but never answer: until the caller gives up."""
        self.delay_answer(route, math.inf, times=times)

    def fail_some(self, shares: Mapping[int, float], random: Random) -> None:
        """Refuse these shares of all REST calls, by status, until ``forget``; none is carried out.

        A 429 says what the server's own says that is over in a second.
        """
        self._shares.update(shares)
        self._random = random

    def has_failed(self, route: str) -> bool:
        """Return whether a call of this route has met a failure yet."""
        return _find_path(route) in self._met

    def clear(self) -> None:
        """Let every call through again, at once."""
        self.slowness = 0.0
        self._failures.clear()
        self._hindrances.clear()
        self._shares.clear()

    @web.middleware
    async def middleware(self, request: web.Request, handler: Serve) -> web.StreamResponse:
        """Stand between the network and the workspace."""
        if self._outage is not None:
            return await self._be_away(request, self._outage)
        failures = self._failures.get(request.path)
        if failures:
            self._met.add(request.path)
            return await _fail(failures.popleft())
        if (status := self._draw(request.path)) is not None:
            return await _fail(_make_refusal(status))
        hindrances = self._hindrances.get(request.path)
        # Taken before the call is carried out: a second call meanwhile meets the next one.
        hindrance = hindrances.popleft() if hindrances else None
        response = await handler(request)
        if self.slowness and not isinstance(response, web.WebSocketResponse):
            await asyncio.sleep(self.slowness)
        if hindrance is not None:
            await asyncio.sleep(hindrance.delay)
        if hindrance is not None and hindrance.is_lost and request.transport is not None:
            request.transport.abort()
        return response

    def _draw(self, path: str) -> int | None:
        if not self._shares or not path.startswith(_find_path("")):
            return None
        drawn = self._random.random()
        for status, share in self._shares.items():
            drawn -= share
            if drawn < 0:
                return status
        return None

    async def _be_away(self, request: web.Request, kind: Outage) -> web.Response:
        if kind is Outage.UNAVAILABLE:
            return web.Response(status=503, text="<h1>503</h1>", content_type="text/html")
        if kind is Outage.SILENT:
            await self._is_over.wait()
        if request.transport is not None:
            request.transport.abort()
        return web.Response(status=503)

    def _hinder(self, route: str, hindrance: _Hindrance, times: int) -> None:
        self._hindrances.setdefault(_find_path(route), deque()).extend([hindrance] * times)


def _find_path(route: str) -> str:
    return route if route.startswith("/") else f"/api/v1/{route}"


def _make_refusal(status: int) -> _Failure:
    if status != 429:  # noqa: PLR2004 - HTTP's
        return _Failure(status, f"<h1>{status}</h1>", "text/html", 0.0)
    text = (
        "Error, too many requests. Please slow down. You must wait 1 seconds before trying this"
        " endpoint again. [error-too-many-requests]"
    )
    return _Failure(status, json.dumps({"success": False, "error": text}), "application/json", 0.0)


async def _fail(failure: _Failure) -> web.Response:
    await asyncio.sleep(failure.delay)
    return web.Response(status=failure.status, text=failure.body, content_type=failure.content_type)
