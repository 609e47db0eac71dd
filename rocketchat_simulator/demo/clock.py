"""A clock for the demo that can be moved ahead of real time."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta


class DemoClock:
    """Real time plus a lead that only grows; moving the clock wakes its sleepers.

    The bot and the workspace take dates from it. Heartbeats and timeouts count real seconds.
    """

    def __init__(self) -> None:
        self._lead = timedelta()
        self._moved = asyncio.Event()

    @property
    def lead(self) -> timedelta:
        """How far the clock is ahead of real time."""
        return self._lead

    def now(self) -> datetime:
        """Return the demo's time in UTC."""
        return datetime.now(UTC) + self._lead

    def move_to(self, moment: datetime) -> None:
        """Move the clock ahead to ``moment``; a moment in the past changes nothing."""
        self._lead += max(moment - self.now(), timedelta())
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()

    async def sleep(self, seconds: float) -> None:
        """Wait until ``seconds`` have passed by this clock."""
        until = self.now() + timedelta(seconds=seconds)
        while (remaining := (until - self.now()).total_seconds()) > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(remaining):
                    await self._moved.wait()
