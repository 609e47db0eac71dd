"""The scheduler that several processes share: one tick in each period, and a queue of jobs.

A report run says whether a report is still to be made, a job only which process makes it now. So a
job that is lost, comes twice or outlives its run costs nothing: each tick adds what is missing.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final

import structlog

from bot.errors import StorageError, TokenRejectedError
from bot.features.reports.runs import ReportRun
from bot.scheduler.scheduler import TICK_S, count_tick_s
from bot.scheduler.shared.job_queue import LOOK, MORE, REPORTS, TICK, JobQueue, TakenJob, read_runs
from bot.scheduler.task_runner import LEASE, TaskRunner

_MAX_OFFERED: Final = 400  # runs: for each job taken, the queue looks at all that wait
_SWEEP_EVERY_TICKS: Final = 240
_RECONNECT_PAUSE_S: Final = 1.0  # real time: the server runs by its own clock
_ALIVE_WITHIN_S: Final = 120.0
_STORAGE_TIMEOUT_S: Final = 20.0


class Cluster:
    """Ticks and does jobs, as any number of other processes do.

    ``is_storage_good`` tells whether the last tick could be added.
    """

    def __init__(
        self,
        queue: JobQueue,
        runner: TaskRunner,
        now: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._queue: Final = queue
        self._runner: Final = runner
        self._now: Final = now
        self._sleep: Final = sleep
        self._refusals: Final[asyncio.Queue[TokenRejectedError]] = asyncio.Queue()
        self._ticked_at = time.monotonic()
        self.is_storage_good = True
        self._tasks: Final = {
            TICK: self._tick,
            REPORTS: self._make_reports,
            LOOK: self._check_alerts,
            MORE: self._offer_reports,
        }
        self._log = structlog.get_logger("jobs")

    @property
    def is_alive(self) -> bool:
        """Whether its loop turns; if not, only a restart helps."""
        return time.monotonic() - self._ticked_at < _ALIVE_WITHIN_S

    async def run(self) -> None:
        """Work until cancelled; raise TokenRejectedError where the workspace refuses the bot."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep_ticking())
            tasks.create_task(self._keep_working())
            raise await self._refusals.get()

    async def _keep_ticking(self) -> None:
        while True:
            self._ticked_at = time.monotonic()
            now_s = count_tick_s(self._now())
            try:
                async with asyncio.timeout(_STORAGE_TIMEOUT_S):
                    await self._runner.run_logged(
                        "clock", self._runner.clock_setback.correct_times()
                    )
                    await self._queue.add_tick(int(now_s // TICK_S))
                self.is_storage_good = True
            except (StorageError, TimeoutError) as error:
                self.is_storage_good = False
                self._log.error("no tick could be added", problem=str(error) or "no answer in time")
            # All processes wake at the beginning of a period, so that none is left out.
            await self._sleep(TICK_S - now_s % TICK_S)

    async def _keep_working(self) -> None:
        while True:
            try:
                await self._queue.work(self._do)
            except StorageError as error:
                self._log.error("no jobs can be done", problem=str(error))
            await asyncio.sleep(_RECONNECT_PAUSE_S)

    async def _do(self, job: TakenJob) -> None:
        try:
            await self._runner.run_logged(job.task, self._tasks[job.task](job))
        except TokenRejectedError as error:
            self._refusals.put_nowait(error)

    async def _tick(self, job: TakenJob) -> None:
        await self._recover()
        await self._runner.schedules.create_due_runs()
        await self._offer_reports(job)
        async for subscription in self._runner.take_due_alerts():
            await self._queue.add_look(subscription.user_id)
        if job.values["timestamp"] % _SWEEP_EVERY_TICKS == 0:
            await self._runner.sweep()

    async def _recover(self) -> None:
        """Free what dead processes had begun; this tick adds new jobs for it."""
        for job in await self._queue.find_stalled():
            if job.task == REPORTS:
                await self._release_runs(job)
            elif job.task == LOOK:
                await self._queue.add_look(job.values["user_id"])
            await self._queue.remove(job)
            self._log.warning("took over the job of a dead process", job=job.task)

    async def _release_runs(self, job: TakenJob) -> None:
        now = self._now()
        for run in read_runs(job):
            await self._runner.runs.release(run, by=job.attempt, claimable_at=now)

    async def _offer_reports(self, _job: TakenJob) -> None:
        """Add jobs for due runs that have none; the MORE job adds the rest once these are taken."""
        offered = await self._queue.load_offered()
        most = len(offered) + _MAX_OFFERED
        free = await self._runner.runs.load_claimable(self._now(), most)
        new = [run for run in free if run not in offered]
        await self._queue.add_reports(new[:_MAX_OFFERED])
        if len(free) == most:
            await self._queue.add_more()

    async def _make_reports(self, job: TakenJob) -> None:
        for run in read_runs(job):
            await self._runner.run_logged(job.task, self._make_report(run, job.attempt))

    async def _make_report(self, run: ReportRun, by: str) -> None:
        now = self._now()
        taken = await self._runner.runs.take(run, now=now, by=by, until=now + LEASE)
        if taken is not None:
            await self._runner.make_report(taken, by)

    async def _check_alerts(self, job: TakenJob) -> None:
        subscription = await self._runner.alerts.subscriptions.load(job.values["user_id"])
        if subscription is not None:
            await self._runner.check_alerts(subscription)
