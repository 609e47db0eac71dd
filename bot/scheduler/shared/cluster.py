"""The clock of all processes together: one tick in each period, and jobs that they share.

A slot says whether a report is still to be made, a job only who makes it now. So a job that is
lost, comes twice or outlives its slot costs nothing: each tick adds what is missing.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from bot.errors import BotError, StorageError, TokenRejectedError
from bot.features.reports.store import ReportRun
from bot.scheduler.scheduler import KEPT, Duties
from bot.scheduler.scheduler import TICK as PERIOD
from bot.scheduler.shared.job_queue import LOOK, MORE, REPORTS, TICK, Queue, Work, read_slots
from bot.scheduler.tasks import LEASE

_AT_ONCE: Final = 400  # slots: the queue looks at all that wait for each job that is taken
_SWEEP_EVERY: Final = 240  # periods
_PAUSE: Final = 1.0  # seconds before the server is tried again; by its clock, not by ours
_LONGEST_BEAT: Final = 120.0


class Cluster:
    """Keeps ticking and does jobs, as any number of other processes do."""

    def __init__(
        self, queue: Queue, duties: Duties, sleep: Callable[[float], Awaitable[None]]
    ) -> None:
        self._queue: Final = queue
        self._duties: Final = duties
        self._sleep: Final = sleep
        self._refusals: Final[asyncio.Queue[TokenRejectedError]] = asyncio.Queue()
        self._beat_at = time.monotonic()
        self._tasks: Final = {
            TICK: self._tick,
            REPORTS: self._make_reports,
            LOOK: self._look,
            MORE: self._offer_reports,
        }
        self._log = structlog.get_logger("jobs")

    @property
    def is_alive(self) -> bool:
        """Whether its loop turns; if not, only a new start helps."""
        return time.monotonic() - self._beat_at < _LONGEST_BEAT

    async def run(self) -> None:
        """Work until cancelled; raise TokenRejectedError where the workspace refuses the bot."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep_ticking())
            tasks.create_task(self._keep_working())
            raise await self._refusals.get()

    async def _keep_ticking(self) -> None:
        while True:
            self._beat_at = time.monotonic()
            now = self._duties.now().timestamp()
            try:
                await self._queue.add_tick(int(now // PERIOD))
            except StorageError as error:
                self._log.error("the clock stands still", problem=str(error))
            # All wake at the beginning of a period, so that none is left out.
            await self._sleep(PERIOD - now % PERIOD)

    async def _keep_working(self) -> None:
        while True:
            try:
                await self._queue.work(self._do)
            except StorageError as error:
                self._log.error("no jobs can be done", problem=str(error))
            await asyncio.sleep(_PAUSE)

    async def _do(self, work: Work) -> None:
        await self._survive(work.task, self._tasks[work.task](work))

    async def _survive(self, task: str, doing: Awaitable[None]) -> None:
        try:
            await doing
        except TokenRejectedError as error:
            self._refusals.put_nowait(error)
        except (BotError, TimeoutError) as error:
            self._log.warning("a job failed", job=task, problem=repr(error))
        except Exception:  # noqa: BLE001 - one job's surprise must not end all others
            self._log.exception("a job went wrong", job=task)

    async def _tick(self, work: Work) -> None:
        duties = self._duties
        await self._recover()
        await duties.plans.open_due()
        await self._offer_reports(work)
        if watch := await duties.alerts.take():
            await self._queue.add_look(watch.user_id)
        if work.values["timestamp"] % _SWEEP_EVERY == 0:
            await duties.slots.sweep(duties.now() - KEPT)

    async def _recover(self) -> None:
        """Free what dead processes had begun; this tick adds new jobs for it."""
        for work in await self._queue.find_stalled():
            if work.task == REPORTS:
                await self._free(work)
            elif work.task == LOOK:
                await self._queue.add_look(work.values["user_id"])
            await self._queue.remove(work)
            self._log.warning("a job is taken over from a process that died", job=work.task)

    async def _free(self, work: Work) -> None:
        now = self._duties.now()
        for slot in read_slots(work):
            await self._duties.slots.release(slot, by=work.attempt, free_at=now)

    async def _offer_reports(self, _work: Work) -> None:
        """Add jobs for what is due and has none; for what is left, once these are taken."""
        offered = await self._queue.load_offered()
        most = len(offered) + _AT_ONCE
        free = await self._duties.slots.load_free(self._duties.now(), most)
        new = [slot for slot in free if slot not in offered]
        await self._queue.add_reports(new[:_AT_ONCE])
        if len(free) == most:
            await self._queue.add_more()

    async def _make_reports(self, work: Work) -> None:
        for slot in read_slots(work):
            await self._survive(work.task, self._make_report(slot, work.attempt))

    async def _make_report(self, slot: ReportRun, by: str) -> None:
        duties, now = self._duties, self._duties.now()
        taken = await duties.slots.take(slot, now=now, by=by, until=now + LEASE)
        if taken is not None:
            await duties.attempts.report(taken, by)

    async def _look(self, work: Work) -> None:
        watch = await self._duties.alerts.find(work.values["user_id"])
        if watch is not None:
            await self._duties.attempts.look(watch)
