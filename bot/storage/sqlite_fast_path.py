"""Two shortcuts on SQLite: small work on the event loop, and the statements of every message."""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from sqlalchemy import Connection, Engine, Select, TextClause
from sqlalchemy.dialects.sqlite import dialect
from sqlalchemy.exc import DBAPIError

from bot.storage.tables import UtcTime
from bot.storage.transaction import Work

# Most writes change the same few pages, which a checkpoint copies once.
_CHECKPOINT_AFTER_WRITES: Final = 3000
_MAX_LOG: Final = 16_000  # pages; beyond it, the next write waits until all of it is copied

T = TypeVar("T")
Rows = list[tuple[Any, ...]]

_DIALECT: Final = dialect(paramstyle="named")
_TIME: Final = UtcTime()

# Neither a lock nor the disk is waited for here; the storage thread does that.
_NEVER_WAIT: Final = (
    "PRAGMA busy_timeout = 0",
    "PRAGMA synchronous = NORMAL",
    "PRAGMA wal_autocheckpoint = 0",
)


class SqliteFastPath:
    """Does small work at once where no lock is in the way, and leaves the rest to the thread.

    Passing work to the thread and back takes several times as long as SQLite needs for it: this
    saves 0.77 ms of the p50 of ``!session``. A power cut may undo what was written here.
    """

    def __init__(self, engine: Engine) -> None:
        """Open connections; raises SQLAlchemyError."""
        self._connection: Final = _connect(engine)
        self._driver: Final[Any] = self._connection.connection.driver_connection
        self._copying: Final = _connect(engine)
        # Milliseconds: long enough to get in between two writers, short enough for what waits.
        self._copying.exec_driver_sql("PRAGMA busy_timeout = 100")
        self._done = 0

    def run(self, works: Sequence[Work], *, is_read_only: bool) -> list[object] | None:
        """Do all the work in one transaction; or leave no trace of it and return None.

        None where anything is in the way: the thread then waits for it, or raises the error.
        Each query is its own transaction, so that no lock is in its way.
        """
        # One statement is a transaction by itself.
        is_plain = is_read_only or (len(works) == 1 and isinstance(works[0], BoundStatement))
        try:
            if not is_plain:
                self._driver.execute("BEGIN IMMEDIATE")
            results = [work(self._connection) for work in works]
            if not is_plain:
                self._driver.execute("COMMIT")
        except Exception:  # noqa: BLE001 - the thread meets the same error and raises it
            self._undo()
            return None
        self._done += 0 if is_read_only else len(works)
        return results

    def is_checkpoint_due(self) -> bool:
        """Return whether ``checkpoint`` is due; true once, then counting starts again."""
        is_due = self._done >= _CHECKPOINT_AFTER_WRITES
        if is_due:
            self._done = 0
        return is_due

    def checkpoint(self) -> None:
        """Copy the log into the file; call this on the storage thread, as the disk is slow.

        A failure only leaves the log longer; durable work does not rely on it.
        """
        driver: Any = self._copying.connection.driver_connection
        with suppress(sqlite3.Error):
            _, pages, _ = driver.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            if pages > _MAX_LOG:
                # Under constant writing a passive checkpoint never reaches the end of the log.
                driver.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()

    def close(self) -> None:
        """Close the file; call this on the storage thread."""
        self._copying.close()
        self._connection.close()

    def _undo(self) -> None:
        with suppress(sqlite3.Error):
            if self._driver.in_transaction:
                self._driver.execute("ROLLBACK")


def _connect(engine: Engine) -> Connection:
    # Without transactions of SQLAlchemy.
    connection = engine.connect().execution_options(is_read_only=True)
    for statement in _NEVER_WAIT:
        connection.exec_driver_sql(statement)
    return connection


def open_fast_path(engine: Engine, _connection: Connection) -> SqliteFastPath | None:
    """Open the fast path to an SQLite file; return None for any other database."""
    is_file = engine.dialect.name == "sqlite" and engine.url.database not in {None, "", ":memory:"}
    return SqliteFastPath(engine) if is_file else None


class BareStatement:
    """A statement with named parameters, whose rows come as tuples.

    On SQLite it bypasses SQLAlchemy, which takes ten times as long to pass a statement on as
    SQLite takes to run it: this saves 0.37 ms of the p50 of ``!session``. On a server that hardly
    shows, so there SQLAlchemy runs it. Parameters may be times, texts, numbers and bytes; only a
    Select may return times.
    """

    def __init__(self, clause: Select[Any] | TextClause) -> None:
        self._clause: Final = clause
        compiled = clause.compile(dialect=_DIALECT)
        self._text: Final = str(compiled)
        binds = compiled.binds.items()
        self._moments: Final = tuple(name for name, each in binds if isinstance(each.type, UtcTime))
        columns = clause.selected_columns if isinstance(clause, Select) else ()
        types = [column.type for column in columns]
        self._times: Final = tuple(n for n, each in enumerate(types) if isinstance(each, UtcTime))

    def bind(self, values: Mapping[str, Any]) -> "BoundStatement[Rows]":
        """Return the work of running it with these values, for the verbs of ``Database``."""
        return self.bind_and_read(values, lambda rows: rows)

    def bind_and_read(
        self, values: Mapping[str, Any], read: Callable[[Rows], T]
    ) -> "BoundStatement[T]":
        """Return the work of running it with these values; its result is ``read`` of the rows."""
        return BoundStatement(self, values, read)

    def run(self, connection: Connection, values: Mapping[str, Any]) -> Rows:
        """Run it in the connection's transaction; raises SQLAlchemyError."""
        if connection.dialect.name == "sqlite":
            return self._run_on_sqlite(connection, values)
        result = connection.execute(self._clause, values)
        return [tuple(row) for row in result] if result.returns_rows else []

    def _run_on_sqlite(self, connection: Connection, values: Mapping[str, Any]) -> Rows:
        driver: Any = connection.connection.dbapi_connection
        known = dict(values)
        try:
            for name in self._moments:
                known[name] = _TIME.process_bind_param(known[name], _DIALECT)
            rows = driver.execute(self._text, known).fetchall()
        except (sqlite3.Error, TypeError) as error:
            raise DBAPIError(self._text, None, error, hide_parameters=True) from error
        return [self._with_times(row) for row in rows] if self._times else rows

    def _with_times(self, row: Sequence[Any]) -> tuple[Any, ...]:
        found = list(row)
        for place in self._times:
            found[place] = _TIME.process_result_value(found[place], _DIALECT)
        return tuple(found)


@dataclass(frozen=True, slots=True)
class BoundStatement(Generic[T]):
    """The work of running one statement, and reading what it returns."""

    statement: BareStatement
    values: Mapping[str, Any]
    read: Callable[[Rows], T]

    def __call__(self, connection: Connection) -> T:
        """Run it in the connection's transaction; raises SQLAlchemyError."""
        return self.read(self.statement.run(connection, self.values))
