"""What this process has counted, added to what all of them have."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final

import structlog

from bot.errors import StorageError
from bot.metrics import Metrics
from bot.storage.tallies import Tallies, Tally

EVERY: Final = 60.0
"""Seconds between two entries: so much is lost of what a process counts that is killed."""


class Bookkeeping:
    """Enters the counts of this process in the database. ``sleep`` waits for so many seconds."""

    def __init__(
        self,
        metrics: Metrics,
        tallies: Tallies,
        now: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._metrics: Final = metrics
        self._tallies: Final = tallies
        self._now: Final = now
        self._sleep: Final = sleep
        self._entered: dict[str, int] | None = None
        self._entering: Final = asyncio.Lock()
        self._log = structlog.get_logger("bookkeeping")

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            await self.enter_if_possible()
            await self._sleep(EVERY)

    async def enter_if_possible(self) -> None:
        """Enter what was counted since the last time, or leave it to the next time."""
        try:
            await self._enter()
        except StorageError as error:
            self._log.warning("counts could not be entered yet", problem=str(error))

    async def load(self) -> Tally:
        """Give the sums of all processes, this one's to the present; raises StorageError."""
        await self._enter()
        return await self._tallies.load(self._now())

    async def mark(self, tally: Tally) -> None:
        """Begin a new stretch of time after these sums; raises StorageError."""
        await self._tallies.mark(tally, self._now())

    async def _enter(self) -> None:
        async with self._entering:
            sums = self._metrics.read_sums()
            before = self._entered
            # The first entry names them all: that is when counting began.
            new = {
                name: total - (before or {}).get(name, 0)
                for name, total in sums.items()
                if before is None or total != before.get(name, 0)
            }
            await self._tallies.add(new, self._now())
            self._entered = sums
