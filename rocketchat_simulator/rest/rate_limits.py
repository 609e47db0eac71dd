"""The REST rate limit: a number of calls to a route in a window, for each client address.

The window belongs to the route and starts with the first call after the last window ended, as in
Meteor's ``ddp-rate-limiter``, which the server uses for REST too.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from rocketchat_simulator.workspace.documents import to_milliseconds
from rocketchat_simulator.workspace.errors import format_too_many_requests


@dataclass(frozen=True, slots=True)
class RateLimitResult:
    """Whether a call is allowed, and its ``X-RateLimit-*`` headers."""

    is_allowed: bool
    limit: int
    remaining: int
    resets_at: datetime
    seconds_left: int

    @property
    def headers(self) -> dict[str, str]:
        """The headers, with the reset in milliseconds since the epoch."""
        return {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Reset": str(to_milliseconds(self.resets_at)),
        }

    @property
    def error(self) -> str:
        """The error text of the 429."""
        return format_too_many_requests(seconds=self.seconds_left)


@dataclass(slots=True)
class _Window:
    ends_at: datetime
    calls: dict[str, int] = field(default_factory=dict)


class RateLimits:
    """Counts the calls to each route; ``window`` is in seconds."""

    def __init__(self, calls: int, window: float, now: Callable[[], datetime]) -> None:
        self._calls = calls
        self._window = window
        self._now = now
        self._windows: dict[str, _Window] = {}
        # By route, until when; None is the end of the window in which the next call comes.
        self._used_up: dict[str, datetime | None] = {}

    def use_up(self, route: str, seconds: float | None = None) -> None:
        """Use up the limit of a route (as ``sessions/info``) with its next call.

        This is as if others at the same address had called it before: it lasts until the window
        ends, and does not concern callers without a limit. With ``seconds`` the window ends then.
        """
        lasts = None if seconds is None else self._now() + timedelta(seconds=seconds)
        self._used_up[route] = lasts

    def clear(self) -> None:
        """Forget all counts, as a restart of the server does."""
        self._windows.clear()
        self._used_up.clear()

    def change(self, calls: int, window: float) -> None:
        """Change the limit, as an administrator may; new windows begin."""
        self._calls, self._window = calls, window
        self._windows.clear()

    def count(
        self, route: str, address: str, override: tuple[int, float] | None = None
    ) -> RateLimitResult:
        """Count one call; ``override`` is the route's own limit in calls and seconds."""
        calls, seconds = override or (self._calls, self._window)
        now = self._now()
        window = self._windows.get(route)
        if window is None or now >= window.ends_at:
            window = self._windows[route] = _Window(now + timedelta(seconds=seconds))
        used = window.calls.get(address, 0) + 1
        name = route.rpartition(" ")[2]
        if name in self._used_up:
            ends_at = self._used_up.pop(name) or window.ends_at
            if now < ends_at:
                window.ends_at, used = ends_at, calls + 1
        window.calls[address] = used
        seconds_left = (window.ends_at - now).total_seconds()
        return RateLimitResult(
            is_allowed=used <= calls,
            limit=calls,
            remaining=max(0, calls - used),
            resets_at=window.ends_at,
            seconds_left=math.ceil(seconds_left),
        )
