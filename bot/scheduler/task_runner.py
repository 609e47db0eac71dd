"""One attempt at a scheduled task under a lease, and what is recorded of how it ended."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from typing import Final

import structlog

from bot.errors import BotError, StorageError, TokenRejectedError
from bot.features.alerts.alerts import MIN_CHECKS_PER_MINUTE
from bot.features.alerts.store import AlertSubscription
from bot.features.reports.runs import ReportRun, ReportRuns
from bot.scheduler.clock_setback import ClockSetback
from bot.scheduler.tasks import ScheduledTasks
from bot.storage.database import Database

LEASE: Final = timedelta(seconds=15)
"""How long a claim lasts once its process is gone."""

MAX_CONCURRENT_REPORTS: Final = 24
"""Reports that a process makes side by side; they share transactions."""

RUNS_KEPT: Final = timedelta(days=30)
"""How long the outcome of a report run is kept."""

_RENEW_EVERY_S: Final = 3.0
# Four processes with 24 reports each share ten calls a minute for ten minutes.
_ATTEMPT_TIMEOUT_S: Final = 900.0
_FIRST_PAUSE: Final = timedelta(minutes=1)
_MAX_PAUSE: Final = timedelta(minutes=30)


class TaskRunner:
    """Runs a task once and records the result; a temporary failure is retried after a pause.

    What a person must put right is not retried: the task has told them. ``fetch_time`` returns the
    workspace's time.
    """

    def __init__(
        self,
        tasks: ScheduledTasks,
        database: Database,
        fetch_time: Callable[[], Awaitable[datetime]],
        now: Callable[[], datetime],
    ) -> None:
        self._tasks: Final = tasks
        self.schedules: Final = tasks.schedules
        self.alerts: Final = tasks.alerts
        self.runs: Final = ReportRuns(database)
        self.clock_setback: Final = ClockSetback(
            database, tasks.schedules, tasks.alerts, fetch_time, now
        )
        self._now: Final = now
        self._log = structlog.get_logger("scheduler")

    async def run_logged(self, name: str, doing: Awaitable[None]) -> None:
        """Do one of several tasks, whose failure must not end the others, and log why it failed.

        Raises TokenRejectedError where the workspace refuses the bot.
        """
        try:
            await doing
        except TokenRejectedError:
            raise
        except (BotError, TimeoutError) as error:
            self._log.warning("scheduled task failed", task=name, problem=repr(error))
        except Exception:  # noqa: BLE001 - as above
            self._log.exception("scheduled task went wrong", task=name)

    async def sweep(self) -> None:
        """Delete the runs that were finished long ago; raise StorageError."""
        await self.runs.sweep(self._now() - RUNS_KEPT)

    async def make_report(self, run: ReportRun, by: str) -> None:
        """Make the report of a run that ``by`` has claimed; finish the run or release it.

        Raises TokenRejectedError where the workspace refuses the bot, StorageError where the end
        could not be saved, and any unexpected error.
        """
        try:
            async with self._renewed_lease(run, by), asyncio.timeout(_ATTEMPT_TIMEOUT_S):
                outcome = await self._tasks.make_report(run)
        except asyncio.CancelledError:
            # The program stops: let the next one start at once.
            with suppress(StorageError):
                await self.runs.release(run, by=by, claimable_at=self._now())
            raise
        except Exception as error:
            await self._retry_later(run, by, error)
            if not isinstance(error, BotError | TimeoutError) or isinstance(
                error, TokenRejectedError
            ):
                raise
        else:
            await self.runs.finish(run, outcome, self._now())
            self._log.info("report run finished", outcome=outcome, user_id=run.user_id)

    async def take_due_alerts(self) -> AsyncIterator[AlertSubscription]:
        """Yield the subscriptions that one tick checks, as the workspace's rate limit allows."""
        for _ in range(self.alerts.pace // MIN_CHECKS_PER_MINUTE):
            subscription = await self.alerts.take_due()
            if subscription is None:
                return
            yield subscription

    async def check_alerts(self, subscription: AlertSubscription) -> None:
        """Check for new devices; raises BotError and TimeoutError. The next turn tries again."""
        async with asyncio.timeout(_ATTEMPT_TIMEOUT_S):
            found = await self._tasks.check_alerts(subscription)
        if found:
            self._log.info("new devices found", count=found, user_id=subscription.user_id)

    @asynccontextmanager
    async def _renewed_lease(self, run: ReportRun, by: str) -> AsyncIterator[None]:
        async def renew() -> None:
            while True:
                await asyncio.sleep(_RENEW_EVERY_S)
                with suppress(StorageError):
                    await self.runs.extend(run, by=by, until=self._now() + LEASE)

        # No TaskGroup, which would wrap the errors of the block in a group.
        renewing = asyncio.create_task(renew())
        try:
            yield
        finally:
            renewing.cancel()
            await asyncio.wait([renewing])

    async def _retry_later(self, run: ReportRun, by: str, error: Exception) -> None:
        claimable_at = self._now() + find_pause(run.tries)
        await self.runs.release(run, by=by, claimable_at=claimable_at)
        self._log.warning("report run failed", retry_at=str(claimable_at), problem=repr(error))


def find_pause(tries: int) -> timedelta:
    """Return the pause after so many failed tries: a minute, doubled each time, up to 30."""
    return min(_FIRST_PAUSE * (1 << min(tries - 1, 10)), _MAX_PAUSE)
