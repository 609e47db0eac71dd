"""The third way in: the clock. Finds what is due, has it done, and tries again what failed."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final

import structlog

from bot.errors import BotError, StorageError, TokenRejectedError
from bot.features.alerts.alerts import CHECKS_PER_MINUTE, Alerts
from bot.features.reports.schedules import Schedules
from bot.features.reports.store import ReportRuns
from bot.scheduler.tasks import AT_ONCE, LEASE, TaskRunner

TICK: Final = 60.0 / CHECKS_PER_MINUTE
"""Seconds between two looks at what is due. One alert is looked after in each."""

KEPT: Final = timedelta(days=30)
"""How long it is remembered what became of a report."""

_MAKERS: Final = tuple(f"reports {number}" for number in range(AT_ONCE))
_SWEEP_EVERY: Final = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class Duties:
    """What is to be done by the clock, and who does it."""

    plans: Schedules
    alerts: Alerts
    slots: ReportRuns
    attempts: TaskRunner
    now: Callable[[], datetime]


class Scheduler:
    """Does errands when their time has come, in this process; others may share the database.

    ``sleep`` waits for so many seconds.
    """

    def __init__(
        self, duties: Duties, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._duties: Final = duties
        self._sleep: Final = sleep
        self._name: Final = secrets.token_hex(4)
        self._busy: Final[set[str]] = set()
        self._swept_at: datetime | None = None
        self._log = structlog.get_logger("scheduler")

    async def run(self) -> None:
        """Work until cancelled; raise TokenRejectedError where the workspace refuses the bot."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                try:
                    await self._tick(tasks)
                except StorageError as error:
                    self._log.error("schedules could not be read", problem=str(error))
                await self._sleep(TICK)

    async def _tick(self, tasks: asyncio.TaskGroup) -> None:
        await self._duties.plans.open_due()
        self._start_reports(tasks)
        self._start(tasks, "alerts", self._look)
        await self._sweep()

    def _start_reports(self, tasks: asyncio.TaskGroup) -> None:
        """Start one more who makes reports, if there may be one."""
        free = next((name for name in _MAKERS if name not in self._busy), None)
        if free is not None:
            self._start(tasks, free, partial(self._work_off, tasks))

    def _start(
        self, tasks: asyncio.TaskGroup, name: str, work: Callable[[], Awaitable[None]]
    ) -> None:
        if name not in self._busy:
            self._busy.add(name)
            tasks.create_task(self._survive(name, work))

    async def _survive(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except TokenRejectedError:
            raise
        except (BotError, TimeoutError) as error:
            self._log.warning("an errand failed", errand=name, problem=repr(error))
        except Exception:  # noqa: BLE001 - one errand's surprise must not end all others
            self._log.exception("an errand went wrong", errand=name)
        finally:
            self._busy.discard(name)

    async def _work_off(self, tasks: asyncio.TaskGroup) -> None:
        """Make reports until none is due; whoever finds one calls for one more to look."""
        while True:
            now = self._duties.now()
            slot = await self._duties.slots.claim(now=now, by=self._name, until=now + LEASE)
            if slot is None:
                return
            self._start_reports(tasks)
            await self._duties.attempts.report(slot, self._name)

    async def _look(self) -> None:
        """Look after the one alert whose turn it is."""
        watch = await self._duties.alerts.take()
        if watch is not None:
            await self._duties.attempts.look(watch)

    async def _sweep(self) -> None:
        now = self._duties.now()
        if self._swept_at is None or now - self._swept_at > _SWEEP_EVERY:
            self._swept_at = now
            await self._duties.slots.sweep(now - KEPT)
