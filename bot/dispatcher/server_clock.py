"""The workspace's time, between the moments at which it tells it."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final


class ServerClock:
    """Tells the server's time without ever asking our own calendar, which may be wrong or moved.

    ``seconds`` is a monotonic clock.
    """

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds: Final = seconds
        self._told: tuple[datetime, float] | None = None

    def learn(self, server_now: datetime) -> timedelta:
        """Take in what the server's clock shows now; tell by how much it was put back.

        Which may be a second where it was not, for the server tells whole seconds.
        """
        expected, self._told = self.now, (server_now, self._seconds())
        return max(timedelta(), (expected or server_now) - server_now)

    @property
    def now(self) -> datetime | None:
        """The server's time; None while it has not told it."""
        if self._told is None:
            return None
        server_then, then = self._told
        return server_then + timedelta(seconds=self._seconds() - then)
