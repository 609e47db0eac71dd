"""The database: three verbs, and the thread that does the work."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Engine, Executable, Row, Table

from bot.errors import StorageError
from bot.storage.engine import find_database_file, make_engine
from bot.storage.file_watch import FileWatch
from bot.storage.schema import Migration, migrate
from bot.storage.sqlite_fast_path import SqliteFastPath, open_fast_path
from bot.storage.tables import Condition, make_insert, make_upsert
from bot.storage.transaction import (
    GroupFailedError,
    NoConnectionError,
    TransactionOptions,
    TransactionRunner,
    Work,
)
from bot.storage.work_queue import DbTask, DelayedTasks, WorkQueue, fail, set_results, succeed

# Longer than what SQLite and PostgreSQL are told to wait themselves, whose errors say more.
DATABASE_TIMEOUT_S: Final = 60.0
MIGRATION_TIMEOUT_S: Final = 600.0
CLOSE_TIMEOUT_S: Final = 5.0
_MAX_AT_ONCE: Final = 10  # queries

_SMALL_READ: Final = TransactionOptions(is_read_only=True, is_small=True)
_LARGE_READ: Final = TransactionOptions(is_read_only=True)
_ISOLATED_WRITE: Final = TransactionOptions(is_isolated=True, is_durable=True)
_STATEMENT: Final = TransactionOptions(is_durable=True)
_SOON: Final = TransactionOptions(is_small=True)

T = TypeVar("T")
Values = Mapping[str, Any]
AnyRow = Row[*tuple[Any, ...]]
OnTransaction = Callable[[int, float, bool], None]


def _ignore_transaction(_tasks: int, _seconds: float, _has_failed: bool) -> None:  # noqa: FBT001 - as OnTransaction
    pass


class Database:
    """Does the work of one event loop's tasks, in order, on a storage thread of its own.

    Every method raises StorageError, at the latest after ``timeout_s`` seconds; the work may then
    still be done. A caller that is cancelled stops no work that has begun.

    ``on_transaction`` is called with the number of tasks, the seconds, and whether it failed; on
    the event loop or on the storage thread.
    """

    def __init__(
        self,
        engine: Engine,
        on_transaction: OnTransaction = _ignore_transaction,
        *,
        timeout_s: float = DATABASE_TIMEOUT_S,
    ) -> None:
        self._engine: Final = engine
        self._on_transaction: Final = on_transaction
        self._timeout_s: Final = timeout_s
        self._queue: Final = WorkQueue()
        self._delayed: Final = DelayedTasks(self._enqueue)
        self._runner: Final = TransactionRunner(engine)
        self.count_repeats: Final[Callable[[], int]] = lambda: self._runner.repeats
        self._thread: Final = ThreadPoolExecutor(max_workers=1, thread_name_prefix="storage")
        self._fast_path: SqliteFastPath | None = None
        self._files: FileWatch | None = None
        # Held while it is decided whether the thread or the loop works the queue off.
        self._lock: Final = threading.Lock()
        self._is_thread_busy = False
        self._is_dispatch_due = False
        self._queries_at_once = 0
        self._has_written_at_once = False
        self._is_closed = False

    async def open(self) -> None:
        """Make or update the tables; open the fast path where the database has one."""
        await self.write(migrate, timeout_s=MIGRATION_TIMEOUT_S)
        self._fast_path = await self._submit(partial(open_fast_path, self._engine), _LARGE_READ)
        path = find_database_file(str(self._engine.url))
        self._files = FileWatch(path) if path else None

    async def close(self) -> None:
        """Finish the waiting work, then close the connections and end the thread.

        Returns after a few seconds where a server hangs; what waits for it then is given up.
        """
        self._enqueue(self._delayed.take())
        self._is_closed = True
        if not self._is_thread_busy:
            self._start_thread()
        if self._fast_path is not None:
            self._thread.submit(self._fast_path.close)
        last = self._thread.submit(self._engine.dispose)
        self._thread.shutdown(wait=False)
        _, hanging = await asyncio.wait([asyncio.wrap_future(last)], timeout=CLOSE_TIMEOUT_S)
        if hanging:
            self._runner.interrupt()

    @property
    def is_sqlite(self) -> bool:
        """Whether it is SQLite, not a server."""
        return self._engine.dialect.name == "sqlite"

    @property
    def waiting(self) -> int:
        """How many tasks wait for the thread."""
        return len(self._queue)

    async def read(self, query: Callable[[Connection], T]) -> T:
        """Run one query that finds few rows, and return what it returns."""
        if self._may_run_at_once():
            self._queries_at_once += 1
            if results := self._run_fast([query], is_read_only=True):
                result: T = results[0]
                return result
        return await self._submit(query, _SMALL_READ)

    async def write(self, work: Callable[[Connection], T], *, timeout_s: float | None = None) -> T:
        """Do the work in a serializable transaction of its own, durable when this returns.

        Either all of it is kept, or nothing and this raises; only where the connection breaks
        during the commit, or the time is up, it is unknown. The work may be called several times:
        all calls but the last have left no trace.
        """
        return await self._submit(work, _ISOLATED_WRITE, timeout_s)

    def write_soon(
        self, work: Callable[[Connection], T], *, may_wait: bool = False
    ) -> "asyncio.Future[T]":
        """Begin small work that everybody sees at once, but that a power cut may undo.

        A power cut undoes only the last of it, never something older before something newer. What
        is begun in one turn of the event loop is committed in at most two transactions, at READ
        COMMITTED: the work must be right whatever others do meanwhile, as one statement is. Work
        that ``may_wait`` joins the next transaction, or has one of its own after 20 milliseconds.

        The future may be awaited, or ignored: the event loop logs an error nobody retrieved.
        """
        outcome = self._submit(work, _SOON, may_wait=may_wait)
        if not may_wait and self._may_write_at_once():
            self._has_written_at_once = True
            self._run_on_loop()
        return outcome

    async def fetch_one(self, query: Executable, values: Values | None = None) -> AnyRow | None:
        """Run a query; return its row, or None where there is none."""
        return await self.read(lambda each: each.execute(query, values).one_or_none())

    async def fetch_value(self, query: Executable, values: Values | None = None) -> Any:  # noqa: ANN401 - the column's type
        """Run a query; return its row's first column, or None where there is no row."""
        row = await self.fetch_one(query, values)
        return row[0] if row else None

    async def fetch_all(self, query: Executable, values: Values | None = None) -> Sequence[AnyRow]:
        """Run a query and return its rows, any number of them."""
        return await self._submit(lambda each: each.execute(query, values).all(), _LARGE_READ)

    async def execute(self, statement: Executable, values: Values | None = None) -> int:
        """Execute one statement, durable when this returns.

        Returns how many rows an UPDATE or DELETE matched. Statements that wait together are
        committed together, at READ COMMITTED.
        """
        return await self._submit(lambda each: each.execute(statement, values).rowcount, _STATEMENT)

    async def upsert(
        self,
        table: Table,
        values: Values,
        *,
        keep: Collection[str] = (),
        only_if: Condition | None = None,
    ) -> bool:
        """Insert a row, or update the row with its primary key, but for the columns to keep.

        With ``only_if``, and where that query finds nothing, do nothing and return false.
        """
        return await self._execute_if(make_upsert(self._engine, table, values, keep), only_if)

    async def insert_or_ignore(
        self, table: Table, values: Values, *, only_if: Condition | None = None
    ) -> bool:
        """Insert a row, unless one with its primary key is there; ``only_if`` as in ``upsert``."""
        insert = make_insert(self._engine, table).values(values).on_conflict_do_nothing()
        return await self._execute_if(insert, only_if)

    async def _execute_if(self, statement: Executable, only_if: Condition | None) -> bool:
        if only_if is None:
            await self.execute(statement)
            return True

        def work(connection: Connection) -> bool:
            if connection.execute(only_if).first() is None:
                return False
            connection.execute(statement)
            return True

        return await self.write(work)

    def _submit(
        self,
        work: Callable[[Connection], T],
        options: TransactionOptions,
        timeout_s: float | None = None,
        *,
        may_wait: bool = False,
    ) -> "asyncio.Future[T]":
        outcome: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        if self._is_closed:
            outcome.set_exception(StorageError("The database is closed."))
            return outcome
        task = DbTask(work, options, outcome, timeout_s or self._timeout_s)
        if may_wait:
            self._delayed.add(task)
        else:
            self._enqueue([*self._delayed.take(), task])
        return outcome

    def _enqueue(self, tasks: Iterable[DbTask]) -> None:
        for task in tasks:
            if self._is_thread_busy:
                self._limit_time(task)
            self._queue.append(task)
        self._dispatch_soon()

    def _limit_time(self, task: DbTask) -> None:
        timer = asyncio.get_running_loop().call_later(task.timeout_s, self._expire, task)
        task.outcome.add_done_callback(lambda _: timer.cancel())

    def _expire(self, task: DbTask) -> None:
        if task.outcome.done():
            return
        reason = f"it did not answer within {task.timeout_s:g} seconds"
        task.outcome.set_exception(StorageError(f"The database could not be used: {reason}."))
        if task.has_begun:
            self._runner.interrupt()

    def _dispatch_soon(self) -> None:
        # At the end of this turn of the loop, in which more may begin that shares the commit.
        if not self._is_dispatch_due:
            self._is_dispatch_due = True
            asyncio.get_running_loop().call_soon(self._end_turn)

    def _end_turn(self) -> None:
        self._is_dispatch_due = False
        self._queries_at_once = 0
        self._has_written_at_once = False
        if self._queue:
            self._dispatch()

    def _dispatch(self) -> None:
        with self._lock:
            if self._is_thread_busy or self._is_closed:
                return
            if self._fast_path is None or not self._queue.is_small:
                self._start_thread()
                return
        self._run_on_loop()

    def _start_thread(self) -> None:
        # On the event loop nothing is waited for, so only the thread needs limits.
        for task in self._queue:
            self._limit_time(task)
        self._is_thread_busy = True
        self._thread.submit(self._work_off)

    def _run_on_loop(self) -> None:
        tasks = self._queue.take_group()
        is_read_only = all(task.options.is_read_only for task in tasks)
        results = self._run_fast([task.work for task in tasks], is_read_only=is_read_only)
        if results is None:
            self._queue.extendleft(reversed(tasks))
            self._start_thread()
            return
        set_results(tasks, results)
        if self._queue:
            self._dispatch_soon()

    def _may_run_at_once(self) -> bool:
        """Return whether nothing has to be done first, and the loop has turned lately."""
        is_free = not (self._is_thread_busy or self._is_closed or self._queue)
        return is_free and self._queries_at_once < _MAX_AT_ONCE

    def _may_write_at_once(self) -> bool:
        """Return whether only small work has to be done first; true once in a turn of the loop."""
        is_free = not (self._is_thread_busy or self._is_closed or self._has_written_at_once)
        return is_free and self._fast_path is not None and self._queue.is_small

    def _run_fast(self, works: Sequence[Work], *, is_read_only: bool) -> list[Any] | None:
        """Do the work on the fast path; None where there is none, or something is in the way.

        Then the thread meets the same, and tells those who wait.
        """
        fast_path, began_at = self._fast_path, time.monotonic()
        if fast_path is None:
            return None
        try:
            # Not for each: what is lost on the fast path is what a power cut may undo, too.
            if self._files is not None:
                self._files.check_sometimes()
        except StorageError:
            return None
        results = fast_path.run(works, is_read_only=is_read_only)
        if results is None:
            return None
        self._on_transaction(len(works), time.monotonic() - began_at, False)  # noqa: FBT003 - as OnTransaction
        if fast_path.is_checkpoint_due():
            self._thread.submit(fast_path.checkpoint)
        return results

    def _work_off(self) -> None:
        while self._has_work():
            if tasks := self._queue.take_group():
                self._run_on_thread(tasks)

    def _has_work(self) -> bool:
        with self._lock:
            self._is_thread_busy = bool(self._queue)
            return self._is_thread_busy

    def _check_files(self) -> None:
        if self._files is not None:
            self._files.check()

    def _run_on_thread(self, tasks: Sequence[DbTask]) -> None:
        try:
            results = self._transact(tasks)
        except GroupFailedError:
            for task in tasks:
                self._run_on_thread([task])
        except NoConnectionError as error:
            # Tried one after the other, each would wait as long to learn the same.
            fail([*tasks, *self._queue.take_all()], error.reason)
        except BaseException as error:  # noqa: BLE001 - raised again where the caller waits
            fail(tasks, error)
        else:
            succeed(tasks, results)

    def _transact(self, tasks: Sequence[DbTask]) -> list[object]:
        began_at, has_failed = time.monotonic(), True
        options = TransactionOptions(
            is_isolated=tasks[0].options.is_isolated,
            is_durable=any(task.options.is_durable for task in tasks),
            is_read_only=all(task.options.is_read_only for task in tasks),
        )
        try:
            self._check_files()
            results = self._runner.run(
                [task.work for task in tasks],
                options,
                is_wanted=lambda: any(not task.outcome.done() for task in tasks),
            )
            # What was written into deleted files must not count as stored.
            self._check_files()
            has_failed = False
            return results
        finally:
            self._on_transaction(len(tasks), time.monotonic() - began_at, has_failed)


@asynccontextmanager
async def open_database(
    url: str,
    on_transaction: OnTransaction = _ignore_transaction,
    *,
    timeout_s: float = DATABASE_TIMEOUT_S,
) -> AsyncIterator[Database]:
    """Open the database, its tables made or brought up to date; close it at the end.

    ``url`` is SQLAlchemy's, the rest is for ``Database``. Raises StorageError, or ConfigError for
    a bad ``url``.
    """
    database = Database(make_engine(url), on_transaction, timeout_s=timeout_s)
    try:
        await database.open()
        yield database
    finally:
        await database.close()


async def migrate_database(url: str) -> Migration:
    """Make or update the tables only; raise as ``open_database`` does."""
    database = Database(make_engine(url))
    try:
        return await database.write(migrate, timeout_s=MIGRATION_TIMEOUT_S)
    finally:
        await database.close()
