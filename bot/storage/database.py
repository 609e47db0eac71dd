"""The database and the one thread that works on it."""

import asyncio
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Engine

from bot.errors import StorageError
from bot.storage.engine import make_engine
from bot.storage.schema import Migration, migrate
from bot.storage.shortcut import Shortcut, open_shortcut
from bot.storage.transaction import (
    GroupBrokenError,
    Kind,
    NoConnectionError,
    run_transaction,
)
from bot.values import value

T = TypeVar("T")
Note = Callable[[int, float, bool], None]

_LARGEST_GROUP: Final = 500  # so that other processes on the file get their turn
_LONGEST_REST: Final = 0.05  # seconds, for what is not urgent


@value
class _Job:
    work: Callable[[Connection], Any]
    outcome: asyncio.Future[Any]
    is_groupable: bool
    is_lasting: bool
    is_reading: bool = False

    @property
    def is_small(self) -> bool:
        """Whether it is done in no time, and waits for no disk."""
        return self.is_groupable and not self.is_lasting


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
        self._waiting: deque[_Job] = deque()
        self._unhurried: deque[_Job] = deque()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="storage")
        self._shortcut: Shortcut | None = None
        # Held while it is decided who works off what waits, the thread or the loop.
        self._deciding = threading.Lock()
        self._is_working = False
        self._is_called = False
        self._is_closed = False
        self._alarm: asyncio.TimerHandle | None = None

    async def open(self) -> None:
        """Make or update the tables, and open the shortcut where there can be one."""
        await self.run(migrate)
        self._shortcut = await self.read(partial(open_shortcut, self._engine))

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
        self._add(_Job(work, outcome, is_groupable, is_lasting), is_urgent=is_urgent)
        return outcome

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Do work that is one query, and nothing else."""
        return await self.begin_to_read(work)

    def begin_to_read(self, work: Callable[[Connection], T]) -> "asyncio.Future[T]":
        """Have the same done without waiting for it."""
        if self._is_closed:
            raise StorageError("The database is closed.")
        outcome: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._add(_Job(work, outcome, is_groupable=True, is_lasting=False, is_reading=True))
        return outcome

    @property
    def waiting(self) -> int:
        """How many pieces of work wait for the thread."""
        return len(self._waiting) + len(self._unhurried)

    async def close(self) -> None:
        """Finish what waits, then let go of the file and the thread."""
        self._is_closed = True
        self._hurry()
        self._thread.submit(self._work_off)
        if self._shortcut is not None:
            self._thread.submit(self._shortcut.close)
        last = self._thread.submit(self._engine.dispose)
        self._thread.shutdown(wait=False)
        await asyncio.shield(asyncio.wrap_future(last))

    def _add(self, job: _Job, *, is_urgent: bool = True) -> None:
        if is_urgent:
            if not job.is_reading:
                self._hurry()
            self._waiting.append(job)
            self._set_to_work()
            return
        self._unhurried.append(job)
        if self._alarm is None:
            # Once is enough: whatever else it finds has waited for less long.
            self._alarm = asyncio.get_running_loop().call_later(_LONGEST_REST, self._ring)

    def _ring(self) -> None:
        self._alarm = None
        if self._unhurried and not self._is_closed:
            self._hurry()
            self._set_to_work()

    def _hurry(self) -> None:
        self._waiting.extend(self._unhurried)
        self._unhurried.clear()

    def _set_to_work(self) -> None:
        # After this turn of the loop, in which more may be begun that shares a commit.
        if not self._is_called:
            self._is_called = True
            asyncio.get_running_loop().call_soon(self._share_out)

    def _share_out(self) -> None:
        self._is_called = False
        with self._deciding:
            if self._is_working or self._is_closed:
                return
            if self._shortcut is None or not all(job.is_small for job in self._waiting):
                self._is_working = True
                self._thread.submit(self._work_off)
                return
        self._take(self._shortcut)

    def _take(self, shortcut: Shortcut) -> None:
        jobs, began_at = self._take_jobs(), time.monotonic()
        is_reading = all(job.is_reading for job in jobs)
        results = shortcut.run([job.work for job in jobs], is_reading=is_reading)
        if results is None:
            self._hand_over(jobs)
            return
        self._note(len(jobs), time.monotonic() - began_at, False)  # noqa: FBT003 - as Note
        _set_results(jobs, results)
        if shortcut.is_log_long:
            shortcut.begin_anew()
            self._thread.submit(shortcut.copy_log)
        if self._waiting:
            self._set_to_work()

    def _hand_over(self, jobs: Sequence[_Job]) -> None:
        self._waiting.extendleft(reversed(jobs))
        self._is_working = True
        self._thread.submit(self._work_off)

    def _work_off(self) -> None:
        while self._has_work():
            self._work_off_some()

    def _has_work(self) -> bool:
        with self._deciding:
            self._is_working = bool(self._waiting)
            return self._is_working

    def _work_off_some(self) -> None:
        jobs = self._take_jobs()
        if jobs:
            self._run_together(jobs)

    def _take_jobs(self) -> list[_Job]:
        jobs: list[_Job] = []
        while self._waiting and len(jobs) < _LARGEST_GROUP:
            if jobs and not (jobs[0].is_groupable and self._waiting[0].is_groupable):
                break
            jobs.append(self._waiting.popleft())
        return [job for job in jobs if not job.outcome.cancelled()]

    def _run_together(self, jobs: Sequence[_Job]) -> None:
        try:
            results = self._transact(jobs)
        except GroupBrokenError:
            for job in jobs:
                self._run_together([job])
        except NoConnectionError as error:
            # Whoever waits would wait as long again, one after the other, to learn the same.
            _fail([*jobs, *self._take_all()], error.reason)
        except BaseException as error:  # noqa: BLE001 - it is raised again where the caller waits
            _fail(jobs, error)
        else:
            _wake(jobs, partial(_set_results, jobs, results))

    def _transact(self, jobs: Sequence[_Job]) -> list[object]:
        began_at, has_failed = time.monotonic(), True
        try:
            works = [job.work for job in jobs]
            kind = Kind(
                is_groupable=jobs[0].is_groupable,
                is_lasting=any(job.is_lasting for job in jobs),
                is_reading=all(job.is_reading for job in jobs),
            )
            results = run_transaction(self._engine, works, kind)
            has_failed = False
            return results
        finally:
            self._note(len(jobs), time.monotonic() - began_at, has_failed)

    def _take_all(self) -> list[_Job]:
        return [self._waiting.popleft() for _ in range(len(self._waiting))]


def _fail(jobs: Sequence[_Job], error: BaseException) -> None:
    _wake(jobs, partial(_set_exception, jobs, error))


def _wake(jobs: Sequence[_Job], deliver: Callable[[], None]) -> None:
    # One call for the whole group: waking the loop costs more than most of the work.
    jobs[0].outcome.get_loop().call_soon_threadsafe(deliver)


def _set_exception(jobs: Sequence[_Job], error: BaseException) -> None:
    for job in jobs:
        if not job.outcome.done():
            job.outcome.set_exception(error)


def _set_results(jobs: Sequence[_Job], results: Sequence[object]) -> None:
    for job, result in zip(jobs, results, strict=True):
        if not job.outcome.done():
            job.outcome.set_result(result)


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
