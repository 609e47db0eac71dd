"""The scheduler of one process: finds what is due, runs it, retries what failed."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from bot.features.alerts.alerts import MIN_CHECKS_PER_MINUTE
from bot.features.reports.schedule_rules import SHUFFLED_WITHIN
from bot.scheduler.task_runner import LEASE, MAX_CONCURRENT_REPORTS, TaskRunner

TICK_S: Final = 60.0 / MIN_CHECKS_PER_MINUTE
"""Seconds between two looks at what is due."""

_MARGIN_S: Final = 0.01  # a loop may wake a bit too early, and would tick twice
_REPORT_WORKERS: Final = tuple(f"reports {number}" for number in range(MAX_CONCURRENT_REPORTS))
_SWEEP_EVERY: Final = timedelta(hours=12)


def count_tick_s(now: datetime) -> float:
    """Return the seconds since 1970, counted so that a tick finds all that a minute has begun with.

    Reports are due at full minutes and shuffled within a second.
    """
    return (now - SHUFFLED_WITHIN).timestamp()


class Scheduler:
    """Runs tasks at their time; other processes may share the database.

    ``sleep`` waits for so many seconds.
    """

    def __init__(
        self,
        runner: TaskRunner,
        now: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._runner: Final = runner
        self._now: Final = now
        self._sleep: Final = sleep
        self._name: Final = secrets.token_hex(4)
        self._busy: Final[set[str]] = set()
        self._swept_at: datetime | None = None

    async def run(self) -> None:
        """Work until cancelled; raise TokenRejectedError where the workspace refuses the bot."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                await self._tick(tasks)
                await self._sleep(TICK_S - count_tick_s(self._now()) % TICK_S + _MARGIN_S)

    async def _tick(self, tasks: asyncio.TaskGroup) -> None:
        await self._runner.run_logged("schedules", self._create_due_runs())
        self._start_report_worker(tasks)
        self._start(tasks, "alerts", self._check_alerts)
        self._start(tasks, "sweep", self._sweep)

    async def _create_due_runs(self) -> None:
        await self._runner.clock_setback.correct_times()
        await self._runner.schedules.create_due_runs()

    def _start_report_worker(self, tasks: asyncio.TaskGroup) -> None:
        """Start one more report worker, unless all of them work."""
        free = next((name for name in _REPORT_WORKERS if name not in self._busy), None)
        if free is not None:
            self._start(tasks, free, partial(self._make_due_reports, tasks))

    def _start(
        self, tasks: asyncio.TaskGroup, name: str, work: Callable[[], Awaitable[None]]
    ) -> None:
        if name not in self._busy:
            self._busy.add(name)
            tasks.create_task(self._run(name, work))

    async def _run(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await self._runner.run_logged(name, work())
        finally:
            self._busy.discard(name)

    async def _make_due_reports(self, tasks: asyncio.TaskGroup) -> None:
        """Make reports until none is due; each one found starts one more worker."""
        while True:
            now = self._now()
            run = await self._runner.runs.claim(now=now, by=self._name, until=now + LEASE)
            if run is None:
                return
            self._start_report_worker(tasks)
            await self._runner.make_report(run, self._name)

    async def _check_alerts(self) -> None:
        async for subscription in self._runner.take_due_alerts():
            await self._runner.check_alerts(subscription)

    async def _sweep(self) -> None:
        now = self._now()
        if self._swept_at is None or abs(now - self._swept_at) > _SWEEP_EVERY:
            self._swept_at = now
            await self._runner.sweep()
