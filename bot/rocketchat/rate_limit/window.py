"""The server's rate limit window of one route, as its responses show it. No clock, no I/O.

The server counts the calls of a client address to a route in fixed windows. A window begins with
the first call after the last one ended (server source ``app/api/server/ApiClass.ts``, 8.3, on
Meteor's rate limiter).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Final

# A new workspace has these two.
_DEFAULT_WINDOW_S: Final = 60.0
_DEFAULT_LIMIT: Final = 10
_MAX_FIRST_CALLS: Final = 3
_RESERVED_SHARE: Final = 0.2  # of a window's calls
_RELEASED_SHARE: Final = 0.1  # of a window's length
_CAUTIOUS_WINDOWS: Final = 10
_SAME_RESET_S: Final = 0.1
_MARGIN_S: Final = 0.05  # the server cuts its times to milliseconds
_MAX_WINDOW_S: Final = 86_400.0
_CLOCK_DRIFT: Final = 1e-4  # seconds per second


@dataclass(frozen=True, slots=True)
class LimitHeaders:
    """The ``X-RateLimit-*`` headers of a response.

    ``resets_at`` is in seconds since the epoch, by the server's clock.
    """

    limit: int
    remaining: int
    resets_at: float


def parse_limit_headers(headers: Mapping[str, str]) -> LimitHeaders | None:
    """Return the limit that the headers state; None if they are missing or make no sense."""
    try:
        limit = int(headers["X-RateLimit-Limit"])
        remaining = int(headers["X-RateLimit-Remaining"])
        resets_at = float(headers["X-RateLimit-Reset"]) / 1000
    except (KeyError, ValueError):
        return None
    if limit <= 0 or not math.isfinite(resets_at):
        return None
    return LimitHeaders(limit, min(max(remaining, 0), limit), resets_at)


class ClockOffset:
    """Converts the server's times to ours, at most a second too late and never too early.

    ``Date`` is cut to whole seconds and written before it arrives, so arrival minus ``Date`` is
    never less than the offset between the clocks: the smallest sample is the best.
    """

    def __init__(self) -> None:
        self._offset: float | None = None
        self._sampled_at = 0.0
        self._parsed: tuple[str, float] = ("", 0.0)

    def learn(self, headers: Mapping[str, str], now: float, *, is_doubted: bool = False) -> None:
        """Take a sample from the ``Date`` of a response that arrived at ``now``.

        ``is_doubted`` discards the samples before.
        """
        try:
            offset = now - self._parse(headers["Date"])
        except (KeyError, ValueError, OverflowError):
            return
        if self._offset is not None and not is_doubted:
            # Clocks drift apart, so older samples are weighted down.
            offset = min(offset, self._offset + (now - self._sampled_at) * _CLOCK_DRIFT)
        self._offset, self._sampled_at = offset, now

    def convert(self, server_time: float) -> float | None:
        """Return our time for a time of the server's; None before the first sample."""
        return None if self._offset is None else server_time + self._offset + _MARGIN_S

    def _parse(self, text: str) -> float:
        # Many responses of one second have the same text.
        if text != self._parsed[0]:
            self._parsed = (text, parsedate_to_datetime(text).timestamp())
        return self._parsed[1]


class RateLimitWindow:
    """Counts how many calls to one route may be sent now. Times are monotonic seconds.

    In a new window only three calls are sent until a response shows how many of the window's calls
    other programs on this address have used. After a refusal, which happens only where the address
    is shared, at most three calls are in flight for ten windows.
    """

    def __init__(self) -> None:
        self.limit: int | None = None
        self.in_flight = 0
        self._length = _DEFAULT_WINDOW_S
        self._remaining = 0
        self._ends_at: float | None = None
        self._server_reset: float | None = None
        self._learned_at = 0.0
        self._cautious_until = 0.0

    @property
    def calls_per_minute(self) -> float:
        """The calls that are allowed in a minute."""
        return (self.limit or _DEFAULT_LIMIT) * 60 / self._length

    def find_end(self, now: float) -> float | None:
        """Return the time when the current window ends; None if none is known."""
        if self._ends_at is not None and now >= self._ends_at:
            self._ends_at = self._server_reset = None
        return self._ends_at

    def count_remaining(self, now: float) -> int | None:
        """Return the calls that the current window still allows; None before any response."""
        if self.limit is None or self.find_end(now) is None:
            return self.limit
        return self._remaining

    def count_available(self, now: float, *, is_background: bool = False) -> int:
        """Return how many calls may be sent now; negative if too many are in flight.

        A fifth of a window's calls is reserved for people, until the window's last tenth.
        """
        release = self.find_release(now)
        is_known = release is not None
        left = self._remaining if is_known else self.limit or _MAX_FIRST_CALLS
        if is_background and release is not None and now < release:
            left -= math.ceil(_RESERVED_SHARE * (self.limit or 0))
        if not is_known or now < self._cautious_until:
            left = min(left, _MAX_FIRST_CALLS)
        return left - self.in_flight

    def find_release(self, now: float) -> float | None:
        """Return from when on no calls are reserved for people; None where no window is known."""
        end = self.find_end(now)
        return None if end is None else end - _RELEASED_SHARE * self._length

    def estimate_wait(self, position: int, now: float) -> float:
        """Return the seconds until a call with ``position`` calls before it is likely sent."""
        end = self.find_end(now)
        limit = self.limit or _DEFAULT_LIMIT
        free = max(0, (limit if end is None else self._remaining) - self.in_flight)
        if position < free:
            return 0.0
        left = self._length if end is None else end - now
        return left + (position - free) // limit * self._length

    def learn(
        self, headers: LimitHeaders, ends_at: float | None, sent_at: float, now: float
    ) -> None:
        """Take in the headers of the response to a call.

        ``ends_at`` is their reset by our clock, None if that is unknown; ``sent_at`` is when the
        call was sent.
        """
        self.limit = headers.limit
        ends_at = now + self._length if ends_at is None else ends_at
        if not now < ends_at < now + _MAX_WINDOW_S or self._is_outdated(headers, sent_at):
            return
        if self.find_end(now) is not None and self._is_current(headers):
            self._narrow(headers, ends_at, now)
            return
        is_first_call = headers.remaining == headers.limit - 1
        self._length = ends_at - now if is_first_call else max(self._length, ends_at - now)
        self._begin(headers.remaining, ends_at, headers.resets_at, now)

    def note_refusal(self, wait: float, now: float) -> None:
        """Take in a refusal for ``wait`` seconds: no call is sent in this window any more."""
        if self.find_end(now) is None or self._server_reset is None:
            self._begin(0, now + wait, None, now)
        self._remaining = 0
        self._cautious_until = now + _CAUTIOUS_WINDOWS * self._length

    def note_unanswered(self, now: float) -> None:
        """Take in a call without a response as if the server had counted it."""
        if self.limit is None:
            return
        if self.find_end(now) is None:
            self._begin(self.limit, now + self._length, None, now)
        self._remaining = max(0, self._remaining - 1)

    def _is_outdated(self, headers: LimitHeaders, sent_at: float) -> bool:
        # A later call's reset may be earlier: the server's clock may have been set back.
        known = self._server_reset
        if known is None or sent_at >= self._learned_at:
            return False
        return headers.resets_at < known - _SAME_RESET_S

    def _is_current(self, headers: LimitHeaders) -> bool:
        known = self._server_reset
        return known is None or abs(headers.resets_at - known) < _SAME_RESET_S

    def _narrow(self, headers: LimitHeaders, ends_at: float, now: float) -> None:
        # Responses may arrive out of order: the smallest count is the newest.
        self._remaining = min(self._remaining, headers.remaining)
        if self._server_reset is None:
            self._ends_at, self._server_reset, self._learned_at = ends_at, headers.resets_at, now
        elif self._ends_at is not None:
            self._ends_at = min(self._ends_at, ends_at)

    def _begin(
        self, remaining: int, ends_at: float, server_reset: float | None, now: float
    ) -> None:
        self._remaining = remaining
        self._ends_at = ends_at
        self._server_reset = server_reset
        self._learned_at = now
