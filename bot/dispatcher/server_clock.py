"""The workspace's time, kept between the answers that tell it."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final


class ServerClock:
    """Tells the server's time without our own wall clock, which may be wrong or be set.

    ``seconds`` is a monotonic clock. A message older than ``max_age`` is not answered.
    """

    def __init__(self, seconds: Callable[[], float], max_age: timedelta) -> None:
        self._seconds: Final = seconds
        self.max_age: Final = max_age
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
