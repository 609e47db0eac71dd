"""The database and the one thread that works on it."""

import asyncio
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Engine

from bot.errors import StorageError
from bot.storage.engine import make_engine
from bot.storage.schema import Migration, migrate
from bot.storage.sqlite_fast_path import SqliteFastPath, open_fast_path
from bot.storage.transaction import (
    GroupBrokenError,
    NoConnectionError,
    TransactionOptions,
    run_transaction,
)

_MAX_GROUP: Final = 500  # so that other processes on the file get their turn


@dataclass(frozen=True, slots=True)
class DbTask:
    """A piece of work and the future of its outcome; the flags are those of ``Database.run``."""

    work: Callable[[Connection], Any]
    outcome: asyncio.Future[Any]
    is_groupable: bool
    is_lasting: bool
    is_reading: bool = False


class WorkQueue:
    """Jobs in the order in which they are to be done; those without hurry wait for another's turn.

    Jobs are added by the event loop, and taken by it or by the storage thread, never by both at
    once.
    """

    def __init__(self) -> None:
        self._ready: Final[deque[DbTask]] = deque()
        self._unhurried: Final[deque[DbTask]] = deque()

    def __len__(self) -> int:
        return len(self._ready) + len(self._unhurried)

    @property
    def is_anybody_ready(self) -> bool:
        """Whether there is a job to be done now."""
        return bool(self._ready)

    @property
    def is_small(self) -> bool:
        """Whether all that is to be done now is done in no time, and waits for no disk."""
        return all(job.is_groupable and not job.is_lasting for job in self._ready)

    def add(self, job: DbTask) -> None:
        """Add a job; what was not urgent goes first, but for queries, which overtake it."""
        if not job.is_reading:
            self.hurry()
        self._ready.append(job)

    def add_unhurried(self, job: DbTask) -> None:
        """Add a job that waits for the next one that writes, or for ``hurry``."""
        self._unhurried.append(job)

    def hurry(self) -> bool:
        """Let what was not urgent be done now; false where there is none."""
        has_any = bool(self._unhurried)
        self._ready.extend(self._unhurried)
        self._unhurried.clear()
        return has_any

    def take_group(self) -> list[DbTask]:
        """Take out the next jobs that may share a transaction, but for those given up."""
        jobs: list[DbTask] = []
        while self._ready and len(jobs) < _MAX_GROUP:
            if jobs and not (jobs[0].is_groupable and self._ready[0].is_groupable):
                break
            jobs.append(self._ready.popleft())
        return [job for job in jobs if not job.outcome.cancelled()]

    def take_all(self) -> list[DbTask]:
        """Take out all that is to be done now."""
        return [self._ready.popleft() for _ in range(len(self._ready))]

    def put_back(self, jobs: Sequence[DbTask]) -> None:
        """Let jobs that were taken be the next ones."""
        self._ready.extendleft(reversed(jobs))


def fail(jobs: Sequence[DbTask], error: BaseException) -> None:
    """Tell, from the storage thread, all who wait that it came to nothing."""
    _wake(jobs, partial(_set_exception, jobs, error))


def succeed(jobs: Sequence[DbTask], results: Sequence[object]) -> None:
    """Give, from the storage thread, all who wait their results."""
    _wake(jobs, partial(set_results, jobs, results))


def set_results(jobs: Sequence[DbTask], results: Sequence[object]) -> None:
    """Return all who wait their results, from the event loop."""
    for job, result in zip(jobs, results, strict=True):
        if not job.outcome.done():
            job.outcome.set_result(result)


def _set_exception(jobs: Sequence[DbTask], error: BaseException) -> None:
    for job in jobs:
        if not job.outcome.done():
            job.outcome.set_exception(error)


def _wake(jobs: Sequence[DbTask], deliver: Callable[[], None]) -> None:
    # One call for the whole group: waking the loop costs more than most of the work.
    jobs[0].outcome.get_loop().call_soon_threadsafe(deliver)


T = TypeVar("T")
Note = Callable[[int, float, bool], None]

_MAX_REST: Final = 0.05  # seconds, for what is not urgent


def _note_nothing(_jobs: int, _seconds: float, _has_failed: bool) -> None:  # noqa: FBT001 - as Note
    pass


class Database:
    """Takes work from the tasks of one event loop and does it, in order, on its own thread.

    Small work goes by the ``shortcut`` while the thread rests. ``note`` is told of each
    transaction, on whatever thread: how many jobs, how many seconds, whether it failed.
    """

    def __init__(self, engine: Engine, note: Note = _note_nothing) -> None:
        self._engine = engine
        self._note = note
        self._line: Final = WorkQueue()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="storage")
        self._shortcut: SqliteFastPath | None = None
        # Held while it is decided who works off what waits, the thread or the loop.
        self._deciding = threading.Lock()
        self._is_working = False
        self._call: asyncio.Handle | None = None
        self._is_closed = False
        self._alarm: asyncio.TimerHandle | None = None

    async def open(self) -> None:
        """Make or update the tables, and open the shortcut where there can be one."""
        await self.run(migrate)
        self._shortcut = await self.read(partial(open_fast_path, self._engine))

    async def run(
        self,
        work: Callable[[Connection], T],
        *,
        is_groupable: bool = False,
        is_lasting: bool = True,
        is_urgent: bool = True,
    ) -> T:
        """Do the work in one transaction: all of it is kept, or nothing and it raises.

        It runs as if nobody else used the database, and may be called several times, each but
        the last having left no trace. Groupable work, which must be one statement that is right
        whatever others do meanwhile, is committed together when it waits, which is many times
        faster. A caller who is cancelled does not learn how it ended: work that has begun is
        finished and kept. Nor does one learn it from the StorageError of a connection that
        broke in the very moment of the commit; whatever else it raises, nothing was kept.

        What need not be lasting is seen by all at once, but a power cut may undo it, together
        with all that came after it; in return nobody waits for the disk. What is not urgent is
        done with what is written next, or else in a twentieth of a second; queries do not see it
        before.
        """
        return await self.begin(
            work, is_groupable=is_groupable, is_lasting=is_lasting, is_urgent=is_urgent
        )

    def begin(
        self,
        work: Callable[[Connection], T],
        *,
        is_groupable: bool = False,
        is_lasting: bool = True,
        is_urgent: bool = True,
    ) -> "asyncio.Future[T]":
        """Have the same done without waiting for it; what is begun later is done later."""
        if self._is_closed:
            raise StorageError("The database is closed.")
        outcome: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._add(DbTask(work, outcome, is_groupable, is_lasting), is_urgent=is_urgent)
        return outcome

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Do work that is one query, and nothing else."""
        return await self.begin_to_read(work)

    def begin_to_read(self, work: Callable[[Connection], T]) -> "asyncio.Future[T]":
        """Have the same done without waiting for it."""
        if self._is_closed:
            raise StorageError("The database is closed.")
        outcome: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._add(DbTask(work, outcome, is_groupable=True, is_lasting=False, is_reading=True))
        return outcome

    @property
    def waiting(self) -> int:
        """How many pieces of work wait for the thread."""
        return len(self._line)

    async def close(self) -> None:
        """Finish what waits, then let go of the file and the thread."""
        self._is_closed = True
        self._line.hurry()
        self._thread.submit(self._work_off)
        if self._shortcut is not None:
            self._thread.submit(self._shortcut.close)
        last = self._thread.submit(self._engine.dispose)
        self._thread.shutdown(wait=False)
        await asyncio.shield(asyncio.wrap_future(last))

    def _add(self, job: DbTask, *, is_urgent: bool = True) -> None:
        if is_urgent:
            self._line.add(job)
            self._set_to_work()
            return
        self._line.add_unhurried(job)
        if self._alarm is None:
            # Once is enough: whatever else it finds has waited for less long.
            self._alarm = asyncio.get_running_loop().call_later(_MAX_REST, self._ring)

    def _ring(self) -> None:
        self._alarm = None
        if self._line.hurry() and not self._is_closed:
            self._set_to_work()

    def _set_to_work(self) -> None:
        # After this turn of the loop, in which more may be begun that shares a commit.
        if self._call is None:
            self._call = asyncio.get_running_loop().call_soon(self._share_out)

    def _share_out(self) -> None:
        self._call = None
        with self._deciding:
            if self._is_working or self._is_closed:
                return
            if self._shortcut is None or not self._line.is_small:
                self._is_working = True
                self._thread.submit(self._work_off)
                return
        self._take(self._shortcut)

    def _take(self, shortcut: SqliteFastPath) -> None:
        jobs, began_at = self._line.take_group(), time.monotonic()
        is_reading = all(job.is_reading for job in jobs)
        results = shortcut.run([job.work for job in jobs], is_reading=is_reading)
        if results is None:
            self._hand_over(jobs)
            return
        self._note(len(jobs), time.monotonic() - began_at, False)  # noqa: FBT003 - as Note
        set_results(jobs, results)
        if shortcut.is_log_due():
            self._thread.submit(shortcut.copy_log)
        if self._line.is_anybody_ready:
            self._set_to_work()

    def _hand_over(self, jobs: Sequence[DbTask]) -> None:
        self._line.put_back(jobs)
        self._is_working = True
        self._thread.submit(self._work_off)

    def _work_off(self) -> None:
        while self._has_work():
            if jobs := self._line.take_group():
                self._run_together(jobs)

    def _has_work(self) -> bool:
        with self._deciding:
            self._is_working = self._line.is_anybody_ready
            return self._is_working

    def _run_together(self, jobs: Sequence[DbTask]) -> None:
        try:
            results = self._transact(jobs)
        except GroupBrokenError:
            for job in jobs:
                self._run_together([job])
        except NoConnectionError as error:
            # Whoever waits would wait as long again, one after the other, to learn the same.
            fail([*jobs, *self._line.take_all()], error.reason)
        except BaseException as error:  # noqa: BLE001 - it is raised again where the caller waits
            fail(jobs, error)
        else:
            succeed(jobs, results)

    def _transact(self, jobs: Sequence[DbTask]) -> list[object]:
        began_at, has_failed = time.monotonic(), True
        try:
            works = [job.work for job in jobs]
            kind = TransactionOptions(
                is_groupable=jobs[0].is_groupable,
                is_lasting=any(job.is_lasting for job in jobs),
                is_reading=all(job.is_reading for job in jobs),
            )
            results = run_transaction(self._engine, works, kind)
            has_failed = False
            return results
        finally:
            self._note(len(jobs), time.monotonic() - began_at, has_failed)


@asynccontextmanager
async def open_database(url: str, note: Note = _note_nothing) -> AsyncIterator[Database]:
    """Open the database, made or brought up to date as needed; close it in the end.

    ``url`` is written SQLAlchemy's way, ``note`` as for Database. Raises StorageError, or
    ConfigError for a bad ``url``.
    """
    database = Database(make_engine(url), note)
    try:
        await database.open()
        yield database
    finally:
        await database.close()


async def migrate_database(url: str) -> Migration:
    """Make or update the tables only; raises as ``open_database`` does."""
    database = Database(make_engine(url))
    try:
        return await database.run(migrate)
    finally:
        await database.close()
