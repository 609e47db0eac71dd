"""The event loop's own way into an SQLite file, for work that is less than a trip to the thread."""

import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

from sqlalchemy import Connection, Engine

from bot.storage.transaction import Work

_MUCH: Final = 3000  # pieces of work; most change the same few pages, which are then copied once
_MAX_LOG: Final = 16_000  # pages; beyond it, the next write waits until all of it is copied

# Neither another's lock nor the disk is waited for: both are the storage thread's affair.
_NEVER_WAIT: Final = (
    "PRAGMA busy_timeout = 0",
    "PRAGMA synchronous = NORMAL",
    "PRAGMA wal_autocheckpoint = 0",
)


class SqliteFastPath:
    """Does small work at once where nobody is in the way, and leaves all else to the thread.

    Handing work to the thread and waking the loop again takes several times as long as SQLite needs
    for it. What was written is seen by all, but a power cut may undo it.
    """

    def __init__(self, engine: Engine) -> None:
        """Open connections; raises SQLAlchemyError."""
        self._connection: Final = _connect(engine)
        self._driver: Final[Any] = self._connection.connection.driver_connection
        self._copying: Final = _connect(engine)
        # Milliseconds: long enough to come between two who write, short enough for those who wait.
        self._copying.exec_driver_sql("PRAGMA busy_timeout = 100")
        self._done = 0

    def run(self, works: Sequence[Work], *, is_read_only: bool) -> list[object] | None:
        """Do all the work, in one transaction; or leave no trace of it and give None.

        None where anything is in the way: the thread will have to wait for it, or learn what is
        wrong. Queries are transactions of their own, so that no lock is in their way.
        """
        try:
            if not is_read_only:
                self._driver.execute("BEGIN IMMEDIATE")
            results = [work(self._connection) for work in works]
            if not is_read_only:
                self._driver.execute("COMMIT")
        except Exception:  # noqa: BLE001 - the thread will meet the same, and tell of it
            self._undo()
            return None
        self._done += 0 if is_read_only else len(works)
        return results

    def is_checkpoint_due(self) -> bool:
        """Return whether it is time for ``checkpoint``; once, for then it is counted anew."""
        is_due = self._done >= _MUCH
        if is_due:
            self._done = 0
        return is_due

    def checkpoint(self) -> None:
        """Copy the log into the file, which takes the disk's time: to be called on the thread.

        A failure costs nothing but a longer log; what must last finds it out for itself.
        """
        driver: Any = self._copying.connection.driver_connection
        with suppress(sqlite3.Error):
            _, pages, _ = driver.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            if pages > _MAX_LOG:
                # Under constant writing a passive checkpoint never reaches the end of the log.
                driver.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()

    def close(self) -> None:
        """Let go of the file; to be called on the thread."""
        self._copying.close()
        self._connection.close()

    def _undo(self) -> None:
        with suppress(sqlite3.Error):
            if self._driver.in_transaction:
                self._driver.execute("ROLLBACK")


def _connect(engine: Engine) -> Connection:
    # SQLAlchemy is to begin and end nothing here.
    connection = engine.connect().execution_options(is_read_only=True)
    for statement in _NEVER_WAIT:
        connection.exec_driver_sql(statement)
    return connection


def open_fast_path(engine: Engine, _connection: Connection) -> SqliteFastPath | None:
    """Open the shortcut to an SQLite file; None for any other database."""
    is_file = engine.dialect.name == "sqlite" and engine.url.database not in {None, "", ":memory:"}
    return SqliteFastPath(engine) if is_file else None
