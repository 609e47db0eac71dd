"""The queue: what is put in, who takes it out, and what a dead process left behind."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from procrastinate import App, JobContext, PsycopgConnector
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException
from procrastinate.jobs import Job, Status
from psycopg import AsyncConnection
from psycopg_pool import PoolTimeout

from bot.errors import StorageError
from bot.features.reports.store import ReportRun
from bot.scheduler.shared.job_schema import NAME
from bot.scheduler.tasks import AT_ONCE
from bot.storage.engine import make_connection_settings

TICK: Final = "tick"
REPORTS: Final = "reports"
LOOK: Final = "look"
MORE: Final = "more"

_QUEUE: Final = "session-bot"
_PRIORITIES: Final = {TICK: 2, LOOK: 1, REPORTS: 0, MORE: -1}
_SPREAD: Final = 50  # jobs: every process finds some, though each costs a fifth of a report
_MOST_CONNECTIONS: Final = 4
_PATIENCE: Final = 10.0  # seconds, for a connection
_TIME_TO_FINISH: Final = 2.0
_HEARTBEAT: Final = 3.0
_STALLED_AFTER: Final = 12.0
_POLLING: Final = 2.0  # new jobs are announced; one that comes while another is fetched is missed

_OFFERED: Final = (
    "SELECT args FROM procrastinate_jobs WHERE status IN ('todo', 'doing') AND task_name = %(task)s"
)

# The library reads the name of the lock out of the server's English words, and asserts that it
# has found it; a server may speak another language.
_IS_WAITING: Final = (AlreadyEnqueued, AssertionError)


@dataclass(frozen=True, slots=True)
class Work:
    """A job that was taken; ``attempt`` is a name that no other try at any job has."""

    task: str
    attempt: str
    values: Mapping[str, Any]
    job: Job


Do = Callable[[Work], Awaitable[None]]


class Queue:
    """Jobs, each of which one of all processes takes. Everything raises StorageError."""

    def __init__(self, app: App) -> None:
        self._app: Final = app
        self._jobs: Final = app.job_manager
        self._do: Do = _ignore
        for name in _PRIORITIES:
            app.task(name=name, queue=_QUEUE, pass_context=True)(self._take)

    async def add_tick(self, period: int) -> bool:
        """Add the tick of a period, by its number; false where any process has done so.

        The library's periodic tasks go by the machine's clock, and a test must be able to drive
        it; this is what they stand on: a row for each period, of which there can be but one.
        """
        job = _make_job(TICK, TICK, timestamp=period)
        with _translated_errors(), suppress(*_IS_WAITING):
            return await self._jobs.defer_periodic_job(job, "", period) is not None
        return False

    async def load_offered(self) -> frozenset[ReportRun]:
        """Give the slots that jobs are for which wait or are being done."""
        with _translated_errors():
            rows = await self._app.connector.execute_query_all_async(_OFFERED, task=REPORTS)
        return frozenset(slot for row in rows for slot in _parse_slots(row["args"]))

    async def add_reports(self, slots: Sequence[ReportRun]) -> int:
        """Add jobs for slots that have none, a few slots to each, and say how many jobs."""
        size = -(-len(slots) // _SPREAD)
        groups = [slots[start : start + size] for start in range(0, len(slots), size or 1)]
        with _translated_errors(), suppress(*_IS_WAITING):
            if groups:
                await self._jobs.batch_defer_jobs_async([_make_reports(each) for each in groups])
            return len(groups)
        return 0

    async def add_more(self) -> None:
        """Add what is taken once no report waits any more, where it is not waiting itself."""
        with _translated_errors(), suppress(*_IS_WAITING):
            await self._jobs.defer_job_async(_make_job(MORE, MORE))

    async def add_look(self, user_id: str) -> None:
        """Add a look for new devices of somebody, where none is waiting."""
        with _translated_errors(), suppress(*_IS_WAITING):
            await self._jobs.defer_job_async(_make_job(LOOK, f"look {user_id}", user_id=user_id))

    async def find_stalled(self) -> list[Work]:
        """Give the jobs of processes that have died."""
        with _translated_errors():
            found = await self._jobs.get_stalled_jobs(seconds_since_heartbeat=_STALLED_AFTER)
            return [_describe(job) for job in found]

    async def remove(self, work: Work) -> None:
        """Take out a job whose process has died."""
        with _translated_errors():
            await self._jobs.finish_job(work.job, Status.FAILED, delete_job=True)

    async def work(self, do: Do) -> None:
        """Do jobs until cancelled, then give those that are under way 2 s to end.

        Ends or raises StorageError where the server went away. Whatever ``do`` raises is the
        end of that job; it should raise nothing.
        """
        self._do = do
        with _translated_errors():
            await self._app.run_worker_async(
                queues=[_QUEUE],
                concurrency=AT_ONCE,
                delete_jobs="always",
                install_signal_handlers=False,
                fetch_job_polling_interval=_POLLING,
                shutdown_graceful_timeout=_TIME_TO_FINISH,
                update_heartbeat_interval=_HEARTBEAT,
                stalled_worker_timeout=_STALLED_AFTER,
            )

    async def _take(self, context: JobContext, /, **_values: object) -> None:
        await self._do(_describe(context.job))


@asynccontextmanager
async def open_queue(url: str) -> AsyncIterator[Queue]:
    """Open connections to the queue's tables, which must be there; raise StorageError."""
    # It would log every job with the id of its person.
    logging.getLogger("procrastinate").setLevel(logging.WARNING)
    connector = PsycopgConnector(
        kwargs=make_connection_settings(url, f"-c search_path={NAME}"),
        configure=_set_up,
        min_size=1,
        max_size=_MOST_CONNECTIONS,
        timeout=_PATIENCE,
    )
    app = App(connector=connector)
    with _translated_errors():
        await app.open_async()
    try:
        yield Queue(app)
    finally:
        await app.close_async()


def read_slots(work: Work) -> tuple[ReportRun, ...]:
    """Give the slots that a job is for; how often they were tried it does not know."""
    return _parse_slots(work.values)


def _parse_slots(values: Mapping[str, Any]) -> tuple[ReportRun, ...]:
    return tuple(
        ReportRun(user_id, rule, datetime.fromisoformat(due_at))
        for user_id, rule, due_at in values["slots"]
    )


def _make_reports(slots: Sequence[ReportRun]) -> Job:
    names = [[each.user_id, each.rule, each.due_at.isoformat()] for each in slots]
    return _make_job(REPORTS, " ".join([REPORTS, *names[0]]), slots=names)


def _make_job(task: str, lock: str, **values: Any) -> Job:  # noqa: ANN401 - whatever JSON can hold
    return Job(
        queue=_QUEUE,
        lock=None,
        queueing_lock=lock,
        task_name=task,
        task_kwargs=values,
        priority=_PRIORITIES[task],
    )


def _describe(job: Job) -> Work:
    return Work(job.task_name, f"job {job.id}.{job.attempts}", job.task_kwargs, job)


async def _set_up(connection: AsyncConnection[Any]) -> None:
    # Each of the library's calls is one statement.
    await connection.set_autocommit(True)


async def _ignore(_work: Work) -> None:
    """Do nothing: nobody works yet."""


@contextmanager
def _translated_errors() -> Iterator[None]:
    try:
        yield
    except (ConnectorException, PoolTimeout) as error:
        cause = error.__cause__ or error
        raise StorageError(f"The queue of jobs could not be used: {_shorten(cause)}.") from error


def _shorten(error: BaseException) -> str:
    return f"{type(error).__name__}, {error}".partition("\n")[0].rstrip(" .")
