"""The rate budget: calls wait for their turn instead of being refused.

The server counts per client address and route, over all users, and leaves out users who may
bypass the limit; it sends no ``X-RateLimit-*`` where it does not count (seen on 6.5.3 and 8.3).
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import structlog

from bot.errors import RateLimitedError
from bot.rocketchat.rate_limit.queue import FairQueue, QueuedCall
from bot.rocketchat.rate_limit.window import LimitClock, RateLimitWindow, parse_limit
from bot.rocketchat.responses import Response, is_success, read_wait

MOST_WAITING: Final = 200
_MAX_REFUSALS: Final = 20
_MAX_EXEMPT: Final = 1000
_OPEN_AFTER: Final = 3

Send = Callable[[], Awaitable[Response]]
CallAt = Callable[[float, Callable[[], None]], asyncio.TimerHandle]


@dataclass(slots=True)
class _Route:
    name: str
    allowance: RateLimitWindow = field(default_factory=RateLimitWindow)
    turns: FairQueue = field(default_factory=FairQueue)
    # The users that the server did not count, in the order in which that was learned.
    exempt: dict[str, None] = field(default_factory=dict)
    alarm: asyncio.TimerHandle | None = None

    @property
    def is_open(self) -> bool:
        # Where several users are not counted and nobody is, no limit is on.
        return self.allowance.limit is None and len(self.exempt) >= _OPEN_AFTER

    def is_free_for(self, user_id: str) -> bool:
        return self.is_open or user_id in self.exempt

    def has_place(self, now: float) -> bool:
        return self.is_open or self.allowance.count_places(now) > 0


class RateLimiter:
    """Lets calls go when the workspace will take them: in order, fairly, people first.

    ``now`` and ``call_at`` are a monotonic clock in seconds and its alarm. At most
    ``most_waiting`` calls of people wait, and as many of schedules.
    """

    def __init__(
        self, *, now: Callable[[], float], call_at: CallAt, most_waiting: int = MOST_WAITING
    ) -> None:
        self._now: Final = now
        self._call_at: Final = call_at
        self._most_waiting: Final = most_waiting
        self._routes: Final[dict[str, _Route]] = {}
        self._server_clock: Final = LimitClock()
        self._log = structlog.get_logger("budget")

    @property
    def waiting(self) -> int:
        """How many calls wait for their turn."""
        return sum(len(route.turns) for route in self._routes.values())

    @property
    def remaining(self) -> dict[str, int | None]:
        """What each route still allows in its window; None where no limit is known."""
        now = self._now()
        return {name: route.allowance.count_remaining(now) for name, route in self._routes.items()}

    @property
    def allowed(self) -> dict[str, int]:
        """What each route allows in a window, where that is known."""
        limits = {name: route.allowance.limit for name, route in self._routes.items()}
        return {name: limit for name, limit in limits.items() if limit is not None}

    def count_waiting(self, *, is_background: bool) -> int:
        """Count the calls of people, or of schedules, that wait for their turn."""
        routes = self._routes.values()
        return sum(route.turns.count(is_background=is_background) for route in routes)

    def expected_wait(self, user_id: str) -> float | None:
        """Seconds until a waiting call of this user is likely to go; None if none waits."""
        waits = [
            route.allowance.estimate_wait(position, self._now())
            for route in self._routes.values()
            if (position := route.turns.position(user_id)) is not None
        ]
        return max(waits, default=None)

    async def ask(self, name: str, ticket: QueuedCall, send: Send) -> Response:
        """Send a call to a route when its turn has come, and again if it was refused with 429.

        Raises RateLimitedError where too many wait already, and whatever ``send`` raises.
        """
        route = self._routes.get(name)
        if route is None:
            route = self._routes[name] = _Route(name)
        for _ in range(_MAX_REFUSALS):
            await self._wait_for_turn(route, ticket)
            answer = await self._send(route, ticket, send)
            if read_wait(answer) is None:
                break
            ticket.sent_at = None
            self._log.info("the workspace asked to wait", route=name)
        return answer

    async def _wait_for_turn(self, route: _Route, ticket: QueuedCall) -> None:
        ticket.is_counted = not route.is_free_for(ticket.user_id)
        if not ticket.is_counted:
            return
        if not route.turns and route.has_place(self._now()):
            route.allowance.in_flight += 1
            return
        self._refuse_too_many(route, ticket)
        ticket.go = asyncio.get_running_loop().create_future()
        route.turns.add(ticket)
        self._advance(route)
        await self._wait(route, ticket, ticket.go)

    async def _wait(self, route: _Route, ticket: QueuedCall, go: "asyncio.Future[None]") -> None:
        try:
            await go
        except asyncio.CancelledError:
            if ticket.is_waiting:
                route.turns.remove(ticket)
            elif ticket.is_counted and not go.cancelled():
                route.allowance.in_flight -= 1
            self._advance(route)
            raise
        finally:
            ticket.go = None

    def _refuse_too_many(self, route: _Route, ticket: QueuedCall) -> None:
        if ticket.is_repeat:
            return
        if self.count_waiting(is_background=ticket.is_background) >= self._most_waiting:
            wait = route.allowance.estimate_wait(len(route.turns), self._now())
            self._log.warning("too many calls are waiting", route=route.name, wait=round(wait))
            raise RateLimitedError(f"{route.name}: too many calls are waiting", max(wait, 1.0))

    async def _send(self, route: _Route, ticket: QueuedCall, send: Send) -> Response:
        sent_at = self._now()
        if ticket.sent_at is None:
            ticket.sent_at = sent_at
        answer = None
        try:
            answer = await send()
        finally:
            ticket.is_repeat = True
            if ticket.is_counted:
                route.allowance.in_flight -= 1
            self._learn(route, ticket, answer, sent_at)
            self._advance(route)
        return answer

    def _learn(
        self, route: _Route, ticket: QueuedCall, answer: Response | None, sent_at: float
    ) -> None:
        now = self._now()
        if answer is None or answer.status >= 500:  # noqa: PLR2004 - HTTP's
            if ticket.is_counted:
                route.allowance.doubt(now)
            return
        wait, told = read_wait(answer), parse_limit(answer.headers)
        self._server_clock.learn(answer.headers, now, is_doubted=wait is not None)
        if told is not None:
            route.exempt.pop(ticket.user_id, None)
            route.allowance.learn(told, self._server_clock.find(told.resets_at), sent_at, now)
        elif wait is None and is_success(answer):
            self._note_exempt(route, ticket.user_id)
        if wait is not None:
            # It may come from a gateway, which knows of no exemption.
            route.exempt.clear()
            route.allowance.refuse(wait, now)

    def _note_exempt(self, route: _Route, user_id: str) -> None:
        if route.is_free_for(user_id):
            return
        if len(route.exempt) >= _MAX_EXEMPT:
            del route.exempt[next(iter(route.exempt))]
        route.exempt[user_id] = None
        for ticket in route.turns.find(user_id):
            route.turns.remove(ticket)
            ticket.is_counted = False
            ticket.let_go()

    def _advance(self, route: _Route) -> None:
        while route.turns and route.has_place(self._now()):
            if route.turns.pop().let_go():
                route.allowance.in_flight += 1
        if route.alarm is not None:
            route.alarm.cancel()
            route.alarm = None
        end = route.allowance.find_end(self._now())
        if route.turns and end is not None:
            route.alarm = self._call_at(end, partial(self._advance, route))
