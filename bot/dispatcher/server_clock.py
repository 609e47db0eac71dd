"""The workspace's time, kept between the answers that tell it."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

_MIN_MAX_AGE: Final = timedelta(minutes=10)


class ServerClock:
    """Tells the server's time without our own wall clock, which may be wrong or be set.

    ``seconds`` is a monotonic clock. A message that was missed is not answered where it is older
    than ``window``, one that waits here where it is older than ``max_age``.
    """

    def __init__(self, seconds: Callable[[], float], window: timedelta) -> None:
        self._seconds: Final = seconds
        self.window: Final = window
        self.max_age: Final = max(window, _MIN_MAX_AGE)
        self._told: tuple[datetime, float] | None = None

    def learn(self, server_now: datetime) -> timedelta:
        """Take the server's time of now; return by how much its clock was set back.

        The server tells whole seconds, so up to a second may be returned for a right clock.
        """
        expected, self._told = self.now, (server_now, self._seconds())
        return max(timedelta(), (expected or server_now) - server_now)

    def is_too_old(self, sent_at: datetime) -> bool:
        """Return whether it is too late to answer what was sent at that time."""
        now = self.now
        return now is not None and sent_at < now - self.max_age

    @property
    def now(self) -> datetime | None:
        """The server's time; None while it has not told it."""
        if self._told is None:
            return None
        server_then, then = self._told
        return server_then + timedelta(seconds=self._seconds() - then)
