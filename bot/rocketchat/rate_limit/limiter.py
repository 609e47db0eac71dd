"""When a call may be sent: as the workspace's rate limit allows, and people's calls first.

The server counts per client address and route, over all users, and leaves out users who may
bypass the limit; it sends no ``X-RateLimit-*`` where it does not count (seen on 6.5.3 and 8.3).
"""

import asyncio
import math
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from typing import Final

import structlog

from bot.errors import RateLimitedError
from bot.rocketchat.rate_limit.queue import FairQueue, QueuedCall
from bot.rocketchat.rate_limit.window import ClockOffset, RateLimitWindow, parse_limit_headers
from bot.rocketchat.responses import Response, is_success, parse_retry_wait

DEFAULT_MAX_QUEUED: Final = 200
_MAX_REFUSALS: Final = 20
_MAX_EXEMPT_USERS: Final = 1000
_UNLIMITED_FROM_USERS: Final = 3

_PACED_FOR_S: Final = 5.0  # after the last call for a person
_PACE_S: Final = 0.04
"""Seconds from one call to the next: eight reports a second, or a thousand in two minutes."""

_MAX_WAIT_FOR_PEOPLE_S: Final = 0.5  # some people wait for what takes long
_POLL_EVERY_S: Final = 0.005
_CLAIMED_ELSEWHERE_S: Final = 0.03

Send = Callable[[], Awaitable[Response]]
CallAt = Callable[[float, Callable[[], None]], asyncio.TimerHandle]


@dataclass(slots=True)
class _Route:
    name: str
    window: RateLimitWindow = field(default_factory=RateLimitWindow)
    queue: FairQueue = field(default_factory=FairQueue)
    # The users that the server does not count, as an ordered set, oldest first.
    exempt_users: dict[str, None] = field(default_factory=dict)
    timer: asyncio.TimerHandle | None = None

    @property
    def is_unlimited(self) -> bool:
        # Several users are not counted and none is: the workspace's rate limit is off.
        return self.window.limit is None and len(self.exempt_users) >= _UNLIMITED_FROM_USERS

    def is_exempt(self, user_id: str) -> bool:
        return self.is_unlimited or user_id in self.exempt_users

    def has_capacity(self, now: float, *, is_background: bool) -> bool:
        return (
            self.is_unlimited or self.window.count_available(now, is_background=is_background) > 0
        )

    def pop(self, now: float) -> QueuedCall | None:
        """Take the next call that may be sent now out of the queue; None where there is none."""
        if not self.queue:
            return None
        if self.has_capacity(now, is_background=True):
            return self.queue.pop()
        has_people = self.queue.count(is_background=False) > 0
        if has_people and self.has_capacity(now, is_background=False):
            return self.queue.pop_person()
        return None

    def find_next_chance(self, now: float) -> float | None:
        """Return when more calls may be sent; None where no window is known."""
        release = self.window.find_release(now)
        return release if release is not None and release > now else self.window.find_end(now)


class RateLimiter:
    """Queues calls until the workspace accepts them: fairly, and people's calls first.

    ``now`` is a monotonic clock in seconds, and ``call_at`` calls back at a time of it. At most
    ``max_queued`` calls of people are queued, and as many scheduled ones.
    """

    def __init__(
        self, *, now: Callable[[], float], call_at: CallAt, max_queued: int = DEFAULT_MAX_QUEUED
    ) -> None:
        self._now: Final = now
        self._call_at: Final = call_at
        self._max_queued: Final = max_queued
        self._routes: Final[dict[str, _Route]] = {}
        self._clock_offset: Final = ClockOffset()
        self._log = structlog.get_logger("rate_limit")

    @property
    def remaining(self) -> dict[str, int | None]:
        """The calls that each route still allows in its window; None where it is not known."""
        now = self._now()
        return {name: route.window.count_remaining(now) for name, route in self._routes.items()}

    @property
    def limits(self) -> dict[str, int]:
        """The calls that each route allows in a window, without those where it is not known."""
        limits = {name: route.window.limit for name, route in self._routes.items()}
        return {name: limit for name, limit in limits.items() if limit is not None}

    def find_rate(self, name: str) -> float:
        """Return how many calls a minute a route allows, infinite where the limit is off.

        Before the first response it is that of a new workspace.
        """
        route = self._routes.get(name) or _Route(name)
        return math.inf if route.is_unlimited else route.window.calls_per_minute

    def count_queued(self, *, is_background: bool) -> int:
        """Return the number of queued calls of people, or of scheduled ones."""
        routes = self._routes.values()
        return sum(route.queue.count(is_background=is_background) for route in routes)

    def expected_wait(self, user_id: str) -> float | None:
        """Return the seconds until the user's queued calls are likely sent; None without any."""
        waits = [
            route.window.estimate_wait(position, self._now())
            for route in self._routes.values()
            if (position := route.queue.find_position(user_id)) is not None
        ]
        return max(waits, default=None)

    async def run(self, name: str, call: QueuedCall, send: Send) -> Response:
        """Call ``send`` when the route ``name`` allows it, and again if it is refused with 429.

        Returns the last response. Raises ``RateLimitedError`` if too many calls are queued, and
        whatever ``send`` raises.
        """
        route = self._routes.get(name)
        if route is None:
            route = self._routes[name] = _Route(name)
        for _ in range(_MAX_REFUSALS):
            await self._acquire(route, call)
            response = await self._send(route, call, send)
            if parse_retry_wait(response) is None:
                break
            call.sent_at = None
            self._log.info("the workspace asked to wait", route=name)
        return response

    async def _acquire(self, route: _Route, call: QueuedCall) -> None:
        call.is_counted = not route.is_exempt(call.user_id)
        if not call.is_counted:
            return
        if not route.queue and route.has_capacity(self._now(), is_background=call.is_background):
            route.window.in_flight += 1
            return
        self._check_queue_length(route, call)
        call.admission = asyncio.get_running_loop().create_future()
        route.queue.add(call)
        self._advance(route)
        await self._wait(route, call, call.admission)

    async def _wait(
        self, route: _Route, call: QueuedCall, admission: "asyncio.Future[None]"
    ) -> None:
        try:
            await admission
        except asyncio.CancelledError:
            if call.is_queued:
                route.queue.remove(call)
            elif call.is_counted and not admission.cancelled():
                route.window.in_flight -= 1
            self._advance(route)
            raise
        finally:
            call.admission = None

    def _check_queue_length(self, route: _Route, call: QueuedCall) -> None:
        if call.is_repeat:
            return
        if self.count_queued(is_background=call.is_background) >= self._max_queued:
            wait = route.window.estimate_wait(len(route.queue), self._now())
            self._log.warning("too many calls are waiting", route=route.name, wait=round(wait))
            raise RateLimitedError(f"{route.name}: too many calls are waiting", max(wait, 1.0))

    async def _send(self, route: _Route, call: QueuedCall, send: Send) -> Response:
        sent_at = self._now()
        if call.sent_at is None:
            call.sent_at = sent_at
        response = None
        try:
            response = await send()
        finally:
            call.is_repeat = True
            if call.is_counted:
                route.window.in_flight -= 1
            self._learn(route, call, response, sent_at)
            self._advance(route)
        return response

    def _learn(
        self, route: _Route, call: QueuedCall, response: Response | None, sent_at: float
    ) -> None:
        now = self._now()
        if response is None or response.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            if call.is_counted:
                route.window.note_unanswered(now)
            return
        wait, headers = parse_retry_wait(response), parse_limit_headers(response.headers)
        self._clock_offset.learn(response.headers, now, is_doubted=wait is not None)
        if headers is not None:
            route.exempt_users.pop(call.user_id, None)
            ends_at = self._clock_offset.convert(headers.resets_at)
            route.window.learn(headers, ends_at, sent_at, now)
        elif wait is None and is_success(response):
            self._note_exempt(route, call.user_id)
        if wait is not None:
            # It may be a gateway's, which knows no exempt users.
            route.exempt_users.clear()
            route.window.note_refusal(wait, now)

    def _note_exempt(self, route: _Route, user_id: str) -> None:
        if route.is_exempt(user_id):
            return
        if len(route.exempt_users) >= _MAX_EXEMPT_USERS:
            del route.exempt_users[next(iter(route.exempt_users))]
        route.exempt_users[user_id] = None
        for call in route.queue.find(user_id):
            route.queue.remove(call)
            call.is_counted = False
            call.admit()

    def _advance(self, route: _Route) -> None:
        """Admit the calls that may be sent now, and set a timer for the others."""
        while (call := route.pop(self._now())) is not None:
            if call.admit():
                route.window.in_flight += 1
        if route.timer is not None:
            route.timer.cancel()
            route.timer = None
        chance = route.find_next_chance(self._now())
        if route.queue and chance is not None:
            route.timer = self._call_at(chance, partial(self._advance, route))


class PeopleWaiting:
    """The messages that people wait for an answer to.

    ``now`` is a monotonic clock in seconds.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now: Final = now
        self._message_ids: Final[set[str]] = set()
        self._last_added_at = float("-inf")

    @property
    def is_any(self) -> bool:
        """Whether anybody waits.

        True for 30 ms after a message arrived, even if another process has claimed it: both call
        the same workspace.
        """
        return bool(self._message_ids) or self._now() - self._last_added_at < _CLAIMED_ELSEWHERE_S

    def add(self, message_ids: Iterable[str]) -> None:
        """Note messages that have arrived; one that is noted already is no error."""
        before = len(self._message_ids)
        self._message_ids.update(message_ids)
        if len(self._message_ids) > before:
            self._last_added_at = self._now()

    def remove(self, message_id: str) -> None:
        """Note that a message is no longer waited for in this process; it may be unknown."""
        self._message_ids.discard(message_id)


class BackgroundPacer:
    """Delays scheduled calls while people use the bot, so that people are served first.

    A scheduled call costs this process, its database and the workspace some milliseconds, and
    delays every answer meanwhile. Without people, calls are not delayed. ``now`` is a monotonic
    clock in seconds.
    """

    def __init__(
        self,
        now: Callable[[], float],
        people: PeopleWaiting,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._now: Final = now
        self._people: Final = people
        self._sleep: Final = sleep
        self._lock: Final = asyncio.Lock()
        self._last_person_at = self._next_call_at = float("-inf")

    def note_person(self) -> None:
        """Note a call for a person."""
        self._last_person_at = self._now()

    async def wait_for_people(self) -> None:
        """Return when a scheduled call may be sent.

        While people use the bot, one call is sent per 40 ms, and none while a person waits, but
        for 0.5 seconds at most.
        """
        if not self._are_people_active():
            return
        async with self._lock:
            while self._are_people_active() and (left := self._next_call_at - self._now()) > 0:
                await self._sleep(left)
            deadline = self._now() + _MAX_WAIT_FOR_PEOPLE_S
            while self._people.is_any and self._now() < deadline:
                await self._sleep(_POLL_EVERY_S)
            self._next_call_at = self._now() + _PACE_S

    def _are_people_active(self) -> bool:
        if self._people.is_any:
            self.note_person()
        return self._now() - self._last_person_at < _PACED_FOR_S
