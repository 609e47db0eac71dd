"""The demo's clock: it runs like any other, and can be moved ahead."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta


class DemoClock:
    """Real time and a lead that only grows; whoever sleeps by it wakes when it has moved.

    It is the calendar of everybody in the demo, bot and workspace. What measures silences and
    time-outs counts real seconds, which nobody can move.
    """

    def __init__(self) -> None:
        self._lead = timedelta()
        self._moved = asyncio.Event()

    @property
    def lead(self) -> timedelta:
        """How far it is ahead of real time."""
        return self._lead

    def now(self) -> datetime:
        """Return the time in the demo, in UTC."""
        return datetime.now(UTC) + self._lead

    def move_to(self, moment: datetime) -> None:
        """Go on to a time to come; one that has passed changes nothing."""
        self._lead += max(moment - self.now(), timedelta())
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()

    async def sleep(self, seconds: float) -> None:
        """Wait until so many seconds have passed by this clock."""
        until = self.now() + timedelta(seconds=seconds)
        while (left := (until - self.now()).total_seconds()) > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._moved.wait()
