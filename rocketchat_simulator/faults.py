"""Outages and failing, slow or unanswered requests."""

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

from rocketchat_simulator.workspace.errors import format_too_many_requests

Handle = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Outage(Enum):
    """What a client experiences during an outage."""

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
class _ResponseFault:
    delay: float = 0.0
    until: asyncio.Event | None = None
    is_lost: bool = False

    async def wait(self) -> None:
        await asyncio.sleep(self.delay)
        if self.until is not None:
            await self.until.wait()


class Faults:
    """The faults that coming requests run into; there are none at first.

    A route of the REST API is named without its prefix, as ``sessions/info``; any other path begins
    with a slash, as ``/oauth/token``. ``slowness`` delays every response by so many seconds, but
    not the work of the request, and not websockets.
    """

    def __init__(self) -> None:
        self._failures: Final[dict[str, deque[_Failure]]] = {}
        self._response_faults: Final[dict[str, deque[_ResponseFault]]] = {}
        self._failed_paths: Final[set[str]] = set()
        self._shares: Final[dict[int, float]] = {}
        self._random = Random()  # noqa: S311 - no secret
        self._outage: Outage | None = None
        self._outage_agent = ""
        self.slowness = 0.0
        self._outage_ended: Final = asyncio.Event()

    @property
    def is_away(self) -> bool:
        """Whether there is an outage now."""
        return self._outage is not None

    @contextmanager
    def outage(self, kind: Outage, agent: str = "") -> Iterator[None]:
        """Let no request through until the block ends, new websockets included.

        With ``agent``, only requests whose ``User-Agent`` begins with it. Open websockets are left
        to ``Simulator.outage``.
        """
        self._outage, self._outage_agent = kind, agent
        self._outage_ended.clear()
        try:
            yield
        finally:
            self._outage = None
            self._outage_ended.set()

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
        """Fail the next requests of a route after ``delay`` seconds, without doing their work."""
        failure = _Failure(status, body, content_type, delay)
        self._failures.setdefault(_find_path(route), deque()).extend([failure] * times)

    def lose_answer(self, route: str, *, times: int = 1) -> None:
        """Do the work of the next requests, but reset the connection instead of responding."""
        self._add_response_fault(route, _ResponseFault(is_lost=True), times)

    def delay_answer(self, route: str, delay: float, *, times: int = 1) -> None:
        """Do the work of the next requests at once, but respond after ``delay`` seconds."""
        self._add_response_fault(route, _ResponseFault(delay), times)

    def hold_answer(self, route: str, until: asyncio.Event, *, times: int = 1) -> None:
        """Do the work of the next requests at once, but respond when the event is set."""
        self._add_response_fault(route, _ResponseFault(until=until), times)

    def hang(self, route: str, *, times: int = 1) -> None:
        """Do the work of the next requests, but never respond."""
        self.delay_answer(route, math.inf, times=times)

    def fail_some(self, shares: Mapping[int, float], random: Random) -> None:
        """Refuse random REST requests until ``clear``, without doing their work.

        ``shares`` maps a status to the share of requests that get it, 0.0 to 1.0. A 429 has the
        body of the server's own rate limit, with one second to wait.
        """
        self._shares.update(shares)
        self._random = random

    def has_failed(self, route: str) -> bool:
        """Return whether ``fail_next`` or an outage has met a request of this route yet."""
        return _find_path(route) in self._failed_paths

    def clear(self) -> None:
        """Remove all faults; an outage lasts until its block ends."""
        self.slowness = 0.0
        self._failures.clear()
        self._response_faults.clear()
        self._shares.clear()

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handle) -> web.StreamResponse:
        """Apply the faults to a request."""
        is_hit = request.headers.get("User-Agent", "").startswith(self._outage_agent)
        if self._outage is not None and is_hit:
            self._failed_paths.add(request.path)
            return await self._answer_in_outage(request, self._outage)
        failures = self._failures.get(request.path)
        if failures:
            self._failed_paths.add(request.path)
            return await _fail(failures.popleft())
        if (status := self._draw_status(request.path)) is not None:
            return await _fail(_make_refusal(status))
        faults = self._response_faults.get(request.path)
        # Taken before the handler runs: a concurrent request gets the next one.
        fault = faults.popleft() if faults else None
        response = await handler(request)
        if self.slowness and not isinstance(response, web.WebSocketResponse):
            await asyncio.sleep(self.slowness)
        if fault is not None:
            await fault.wait()
        if fault is not None and fault.is_lost and request.transport is not None:
            request.transport.abort()
        return response

    def _draw_status(self, path: str) -> int | None:
        if not self._shares or not path.startswith(_find_path("")):
            return None
        drawn = self._random.random()
        for status, share in self._shares.items():
            drawn -= share
            if drawn < 0:
                return status
        return None

    async def _answer_in_outage(self, request: web.Request, kind: Outage) -> web.Response:
        if kind is Outage.UNAVAILABLE:
            return web.Response(status=503, text="<h1>503</h1>", content_type="text/html")
        if kind is Outage.SILENT:
            await self._outage_ended.wait()
        if request.transport is not None:
            request.transport.abort()
        return web.Response(status=503)

    def _add_response_fault(self, route: str, fault: _ResponseFault, times: int) -> None:
        self._response_faults.setdefault(_find_path(route), deque()).extend([fault] * times)


def _find_path(route: str) -> str:
    return route if route.startswith("/") else f"/api/v1/{route}"


def _make_refusal(status: int) -> _Failure:
    if status != 429:  # noqa: PLR2004 - HTTP's
        return _Failure(status, f"<h1>{status}</h1>", "text/html", 0.0)
    body = {"success": False, "error": format_too_many_requests(seconds=1)}
    return _Failure(status, json.dumps(body), "application/json", 0.0)


async def _fail(failure: _Failure) -> web.Response:
    await asyncio.sleep(failure.delay)
    return web.Response(status=failure.status, text=failure.body, content_type=failure.content_type)
