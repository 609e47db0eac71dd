"""The bot's clock in tests: it goes with real time, or stands still; tests move both."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from weakref import WeakKeyDictionary

from tests.support.deadlines import DEADLINE_S


async def _settle_nothing() -> None:
    """Wait for nothing."""


class Clock:
    """A clock that stands still at ``start``, or goes with real time where there is none.

    ``settle`` waits until the work that a move has started is under way.
    """

    def __init__(
        self,
        start: datetime | None = None,
        settle: Callable[[], Awaitable[None]] = _settle_nothing,
    ) -> None:
        self._stands_at = start
        self._offset = timedelta()
        self._settle = settle
        self._moved = asyncio.Event()
        self._sleepers: dict[object, datetime] = {}
        self._sleeps = 0
        # When each task last woke; what has not slept yet woke at ``started_at``.
        self.started_at = start
        self._woke_at: WeakKeyDictionary[asyncio.Task[object], datetime] = WeakKeyDictionary()
        self._slept = asyncio.Event()

    def now(self) -> datetime:
        return self._stands_at or datetime.now(UTC) + self._offset

    def move_to(self, moment: datetime) -> None:
        if self._stands_at is None:
            self._offset += moment - self.now()
        else:
            self._stands_at = moment
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()

    def advance(self, *, days: float = 0, seconds: float = 0) -> None:
        self.move_to(self.now() + timedelta(days=days, seconds=seconds))

    async def sleep(self, seconds: float) -> None:
        until = self._find_waking_time() + timedelta(seconds=seconds)
        if until <= self.now():
            # The clock was moved past that time while the task worked.
            self._note_waking()
            await asyncio.sleep(0)
            return
        sleeper = object()
        self._sleepers[sleeper] = until
        self._sleeps += 1
        self._slept.set()
        try:
            while (left := (until - self.now()).total_seconds()) > 0:
                with suppress(TimeoutError):
                    async with asyncio.timeout(None if self._stands_at else left):
                        await self._moved.wait()
        finally:
            del self._sleepers[sleeper]
            self._note_waking()

    def _find_waking_time(self) -> datetime:
        task = asyncio.current_task()
        if self._stands_at is None or task is None:
            return self.now()
        return min(self.now(), self._woke_at.get(task, self.started_at or self.now()))

    def _note_waking(self) -> None:
        if (task := asyncio.current_task()) is not None:
            self._woke_at[task] = self.now()

    async def pass_to(self, moment: datetime) -> None:
        """Move there, and wait until every loop that was due has run and sleeps again."""
        expected = self._sleeps + sum(until <= moment for until in self._sleepers.values())
        self.move_to(moment)
        async with asyncio.timeout(DEADLINE_S):
            while self._sleeps < expected:
                self._slept.clear()
                await self._slept.wait()
            await self._settle()
