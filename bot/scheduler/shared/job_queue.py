"""The job queue: adding jobs, working on them, recovering those of dead processes."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from procrastinate import App, JobContext, PsycopgConnector
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException
from procrastinate.jobs import Job, Status
from psycopg import AsyncConnection
from psycopg_pool import PoolTimeout

from bot.errors import StorageError
from bot.features.reports.runs import ReportRun
from bot.scheduler.shared.job_schema import NAME
from bot.scheduler.task_runner import MAX_CONCURRENT_REPORTS
from bot.storage.engine import make_connection_settings

TICK: Final = "tick"
REPORTS: Final = "reports"
LOOK: Final = "look"
MORE: Final = "more"

_QUEUE: Final = "session-bot"
_PRIORITIES: Final = {TICK: 2, LOOK: 1, REPORTS: 0, MORE: -1}
_MAX_JOBS: Final = 50  # at a time: enough for every process, though a job costs a fifth of a report
_MAX_CONNECTIONS: Final = 4
_CONNECTION_TIMEOUT_S: Final = 10.0
_SHUTDOWN_TIMEOUT_S: Final = 2.0
_CALL_TIMEOUT_S: Final = 15.0
_HEARTBEAT_EVERY_S: Final = 3.0
_STALLED_AFTER_S: Final = 12.0
_POLL_EVERY_S: Final = 2.0  # new jobs are announced, but not one that comes during a fetch

_OFFERED: Final = (
    "SELECT args FROM procrastinate_jobs WHERE status IN ('todo', 'doing') AND task_name = %(task)s"
)

# The library parses the name of the lock from the server's English message and asserts that it is
# found; the server may use another language.
_ALREADY_QUEUED: Final = (AlreadyEnqueued, AssertionError)


@dataclass(frozen=True, slots=True)
class TakenJob:
    """A job that this process has taken; ``attempt`` names this try and no other.

    ``source`` is the library's own record of it.
    """

    task: str
    attempt: str
    values: Mapping[str, Any]
    source: Job


DoJob = Callable[[TakenJob], Awaitable[None]]


class JobQueue:
    """Jobs, each taken by one of the processes.

    Every method raises StorageError, all but ``work`` at the latest some seconds after
    ``call_timeout_s``.
    """

    def __init__(self, app: App, call_timeout_s: float) -> None:
        self._call_timeout_s: Final = call_timeout_s
        self._app: Final = app
        self._jobs: Final = app.job_manager
        self._do: DoJob = _ignore
        for name in _PRIORITIES:
            app.task(name=name, queue=_QUEUE, pass_context=True)(self._take)

    async def add_tick(self, period: int) -> bool:
        """Add the tick of a period, by its number; return false where a process has done so.

        The library's own periodic tasks use the machine's clock, which a test cannot drive. This
        is the layer below them: at most one row for each period.
        """
        job = _make_job(TICK, TICK, timestamp=period)
        async with _calling(self._call_timeout_s):
            with suppress(*_ALREADY_QUEUED):
                return await self._jobs.defer_periodic_job(job, "", period) is not None
        return False

    async def load_offered(self) -> frozenset[ReportRun]:
        """Return the runs that have a waiting or running job."""
        async with _calling(self._call_timeout_s):
            rows = await self._app.connector.execute_query_all_async(_OFFERED, task=REPORTS)
        return frozenset(run for row in rows for run in _parse_runs(row["args"]))

    async def add_reports(self, runs: Sequence[ReportRun]) -> int:
        """Add jobs of a few runs each, for runs that have none; return the number of jobs."""
        size = -(-len(runs) // _MAX_JOBS)
        groups = [runs[start : start + size] for start in range(0, len(runs), size or 1)]
        async with _calling(self._call_timeout_s):
            with suppress(*_ALREADY_QUEUED):
                if groups:
                    jobs = [_make_reports(each) for each in groups]
                    await self._jobs.batch_defer_jobs_async(jobs)
                return len(groups)
        return 0

    async def add_more(self) -> None:
        """Add the MORE job, which is taken when no report job waits; at most one is queued."""
        async with _calling(self._call_timeout_s):
            with suppress(*_ALREADY_QUEUED):
                await self._jobs.defer_job_async(_make_job(MORE, MORE))

    async def add_look(self, user_id: str) -> None:
        """Add a check for somebody's new devices; at most one each is queued."""
        job = _make_job(LOOK, f"look {user_id}", user_id=user_id)
        async with _calling(self._call_timeout_s):
            with suppress(*_ALREADY_QUEUED):
                await self._jobs.defer_job_async(job)

    async def find_stalled(self) -> list[TakenJob]:
        """Return the jobs of dead processes."""
        async with _calling(self._call_timeout_s):
            found = await self._jobs.get_stalled_jobs(seconds_since_heartbeat=_STALLED_AFTER_S)
            return [_make_taken(job) for job in found]

    async def remove(self, job: TakenJob) -> None:
        """Remove the job of a dead process."""
        async with _calling(self._call_timeout_s):
            await self._jobs.finish_job(job.source, Status.FAILED, delete_job=True)

    async def work(self, do: DoJob) -> None:
        """Do jobs until cancelled, then wait up to 2 s for those that run.

        Returns or raises StorageError when the server goes away. ``do`` must not raise.
        """
        self._do = do
        async with _calling(None):
            await self._app.run_worker_async(
                queues=[_QUEUE],
                concurrency=MAX_CONCURRENT_REPORTS,
                delete_jobs="always",
                install_signal_handlers=False,
                fetch_job_polling_interval=_POLL_EVERY_S,
                shutdown_graceful_timeout=_SHUTDOWN_TIMEOUT_S,
                update_heartbeat_interval=_HEARTBEAT_EVERY_S,
                stalled_worker_timeout=_STALLED_AFTER_S,
            )

    async def _take(self, context: JobContext, /, **_values: object) -> None:
        await self._do(_make_taken(context.job))


@asynccontextmanager
async def open_queue(
    url: str, *, call_timeout_s: float = _CALL_TIMEOUT_S
) -> AsyncIterator[JobQueue]:
    """Open connections to the queue's tables, which must be there; raise StorageError."""
    connector = PsycopgConnector(
        kwargs=make_connection_settings(url, f"-c search_path={NAME}"),
        configure=_set_up,
        min_size=1,
        max_size=_MAX_CONNECTIONS,
        timeout=_CONNECTION_TIMEOUT_S,
    )
    app = App(connector=connector)
    try:
        async with _calling(call_timeout_s):
            await app.open_async()
        yield JobQueue(app, call_timeout_s)
    finally:
        await app.close_async()


def read_runs(job: TakenJob) -> tuple[ReportRun, ...]:
    """Return the runs of a job; their number of tries is not known here."""
    return _parse_runs(job.values)


def _parse_runs(values: Mapping[str, Any]) -> tuple[ReportRun, ...]:
    return tuple(
        ReportRun(user_id, rule, datetime.fromisoformat(due_at))
        for user_id, rule, due_at in values.get("runs", ())
    )


def _make_reports(runs: Sequence[ReportRun]) -> Job:
    names = [[each.user_id, each.rule, each.due_at.isoformat()] for each in runs]
    return _make_job(REPORTS, " ".join([REPORTS, *names[0]]), runs=names)


def _make_job(task: str, lock: str, **values: Any) -> Job:  # noqa: ANN401 - whatever JSON can hold
    return Job(
        queue=_QUEUE,
        lock=None,
        queueing_lock=lock,
        task_name=task,
        task_kwargs=values,
        priority=_PRIORITIES[task],
    )


def _make_taken(job: Job) -> TakenJob:
    return TakenJob(job.task_name, f"job {job.id}.{job.attempts}", job.task_kwargs, job)


async def _set_up(connection: AsyncConnection[Any]) -> None:
    # Each of the library's calls is one statement.
    await connection.set_autocommit(True)


async def _ignore(_job: TakenJob) -> None:
    """Do nothing, until ``work`` is called."""


@asynccontextmanager
async def _calling(timeout_s: float | None) -> AsyncIterator[None]:
    """Raise StorageError for the library's errors, and after so many seconds.

    A server that hangs is not noticed otherwise: it still confirms what the network brings.
    """
    try:
        async with asyncio.timeout(timeout_s):
            yield
    except TimeoutError as error:
        reason = f"no answer within {timeout_s} seconds"
        raise StorageError(f"The queue of jobs could not be used: {reason}.") from error
    except (ConnectorException, PoolTimeout) as error:
        cause = error.__cause__ or error
        raise StorageError(f"The queue of jobs could not be used: {_shorten(cause)}.") from error


def _shorten(error: BaseException) -> str:
    return f"{type(error).__name__}, {error}".partition("\n")[0].rstrip(" .")
