"""What one route still allows, as its answers tell. No I/O; the time is always given.

The server counts the calls of a client address to a route in fixed windows: one begins with the
first call after the last one ended (``app/api/server/ApiClass.ts``, 8.3, on Meteor's rate limiter).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Final

_DEFAULT_WINDOW: Final = 60.0
_DEFAULT_LIMIT: Final = 10  # both are what a new workspace is set to
_FIRST_CALLS: Final = 3
_CAREFUL_WINDOWS: Final = 10
_SAME_WINDOW: Final = 0.1
_MARGIN: Final = 0.05  # the server cuts its times to milliseconds
_MAX_WINDOW: Final = 86_400.0
_DRIFT: Final = 1e-4


@dataclass(frozen=True, slots=True)
class LimitHeaders:
    """The ``X-RateLimit-*`` of one answer; ``resets_at`` in seconds since the epoch, theirs."""

    limit: int
    remaining: int
    resets_at: float


def parse_limit(headers: Mapping[str, str]) -> LimitHeaders | None:
    """Read what an answer tells about its route; None where it tells nothing."""
    try:
        limit = int(headers["X-RateLimit-Limit"])
        remaining = int(headers["X-RateLimit-Remaining"])
        resets_at = float(headers["X-RateLimit-Reset"]) / 1000
    except (KeyError, ValueError):
        return None
    if limit <= 0 or not math.isfinite(resets_at):
        return None
    return LimitHeaders(limit, min(max(remaining, 0), limit), resets_at)


class LimitClock:
    """Turns the server's times into ours, erring to the late side by less than a second.

    ``Date`` is cut to whole seconds and written before it arrives, so arrival minus ``Date`` is
    never less than what lies between the clocks: the least that was seen is the nearest.
    """

    def __init__(self) -> None:
        self._ahead: float | None = None
        self._learned_at = 0.0
        self._last: tuple[str, float] = ("", 0.0)

    def learn(self, headers: Mapping[str, str], now: float, *, is_doubted: bool = False) -> None:
        """Take in the ``Date`` of an answer that came ``now``; ``is_doubted`` forgets others."""
        try:
            ahead = now - self._read(headers["Date"])
        except (KeyError, ValueError, OverflowError):
            return
        if self._ahead is not None and not is_doubted:
            # Two clocks drift apart, so an old sighting slowly loses its word.
            ahead = min(ahead, self._ahead + (now - self._learned_at) * _DRIFT)
        self._ahead, self._learned_at = ahead, now

    def _read(self, text: str) -> float:
        # Many answers come within one of its seconds.
        if text != self._last[0]:
            self._last = (text, parsedate_to_datetime(text).timestamp())
        return self._last[1]

    def find(self, moment: float) -> float | None:
        """Return our time for the server's; None while no answer had a ``Date``."""
        return None if self._ahead is None else moment + self._ahead + _MARGIN


class RateLimitWindow:
    """How many calls may go now. What goes is begun and ended; answers correct the count.

    Of a new window only a few calls go ahead until an answer tells who else has used it. Once
    refused, which happens only where others share the address, it goes on like that for a while.
    """

    def __init__(self) -> None:
        self.limit: int | None = None
        self.in_flight = 0
        self._window = _DEFAULT_WINDOW
        self._remaining = 0
        self._ends_at: float | None = None
        self._server_reset: float | None = None
        self._learned_at = 0.0
        self._careful_until = 0.0

    def find_end(self, now: float) -> float | None:
        """Return the time when the running window ends, None while none is known to run."""
        if self._ends_at is not None and now >= self._ends_at:
            self._ends_at = self._server_reset = None
        return self._ends_at

    def count_remaining(self, now: float) -> int | None:
        """Count what is left of the running window; None before anything is known."""
        if self.limit is None or self.find_end(now) is None:
            return self.limit
        return self._remaining

    def count_places(self, now: float) -> int:
        """Count the calls that may go at once; may be negative while calls are on their way."""
        is_known = self.find_end(now) is not None
        left = self._remaining if is_known else self.limit or _FIRST_CALLS
        if not is_known or now < self._careful_until:
            left = min(left, _FIRST_CALLS)
        return left - self.in_flight

    def estimate_wait(self, position: int, now: float) -> float:
        """Seconds until the call with so many others before it is likely to go."""
        end = self.find_end(now)
        size = self.limit or _DEFAULT_LIMIT
        free = max(0, (size if end is None else self._remaining) - self.in_flight)
        if position < free:
            return 0.0
        left = self._window if end is None else end - now
        return left + (position - free) // size * self._window

    def learn(self, told: LimitHeaders, ends_at: float | None, sent_at: float, now: float) -> None:
        """Take in an answer to the call of ``sent_at``; ``ends_at`` is our time for its reset."""
        self.limit = told.limit
        ends_at = now + self._window if ends_at is None else ends_at
        if not now < ends_at < now + _MAX_WINDOW or self._is_outdated(told, sent_at):
            return
        if self.find_end(now) is not None and self._is_running(told):
            self._narrow(told, ends_at, now)
            return
        is_new = told.remaining == told.limit - 1
        self._window = ends_at - now if is_new else max(self._window, ends_at - now)
        self._begin_window(told.remaining, ends_at, told.resets_at, now)

    def refuse(self, wait: float, now: float) -> None:
        """Take in that a call was refused for ``wait`` seconds: nothing goes in this window."""
        if self.find_end(now) is None or self._server_reset is None:
            self._begin_window(0, now + wait, None, now)
        self._remaining = 0
        self._careful_until = now + _CAREFUL_WINDOWS * self._window

    def doubt(self, now: float) -> None:
        """Take in that a call had no answer: it may have been counted, or not."""
        if self.limit is None:
            return
        if self.find_end(now) is None:
            self._begin_window(self.limit, now + self._window, None, now)
        self._remaining = max(0, self._remaining - 1)

    def _is_outdated(self, told: LimitHeaders, sent_at: float) -> bool:
        # A server's clock may be set back: what was asked later is news even so.
        known = self._server_reset
        if known is None or sent_at >= self._learned_at:
            return False
        return told.resets_at < known - _SAME_WINDOW

    def _is_running(self, told: LimitHeaders) -> bool:
        known = self._server_reset
        return known is None or abs(told.resets_at - known) < _SAME_WINDOW

    def _narrow(self, told: LimitHeaders, ends_at: float, now: float) -> None:
        # Answers overtake each other, so the least is the newest.
        self._remaining = min(self._remaining, told.remaining)
        if self._server_reset is None:
            self._ends_at, self._server_reset, self._learned_at = ends_at, told.resets_at, now
        elif self._ends_at is not None:
            self._ends_at = min(self._ends_at, ends_at)

    def _begin_window(
        self, remaining: int, ends_at: float, server_reset: float | None, now: float
    ) -> None:
        self._remaining = remaining
        self._ends_at = ends_at
        self._server_reset = server_reset
        self._learned_at = now
