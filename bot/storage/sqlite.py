"""SQLite, made fit for several processes that must not forget anything."""

import os
import sqlite3
from contextlib import suppress
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, create_engine, event

from bot.errors import ConfigError
from bot.storage.failures import make_file_error

_LOCK_TIMEOUT: Final = "10"  # seconds, where the address does not say
_OLDEST: Final = (3, 35)  # the first that knows RETURNING
_MOST_SWITCHES: Final = 50

_LASTING: Final = "PRAGMA synchronous = FULL"
# WAL with NORMAL forgets the last commits in a power cut, always from the end of the log, and
# waits for no disk.
_FLEETING: Final = "PRAGMA synchronous = NORMAL"
_SET_UP: Final = ("PRAGMA foreign_keys = ON", _LASTING)
# Bytes; half of what is usual, for a file that is new. A question changes a few bytes on each of
# six pages, and all of each page goes into the log.
_PAGES: Final = "PRAGMA page_size = 2048"


def make_sqlite_engine(address: URL) -> Engine:
    """Make the engine, unconnected; raise ConfigError where SQLite itself is too old."""
    if sqlite3.sqlite_version_info < _OLDEST:
        raise ConfigError(f"SQLite 3.35 or newer is needed, this is {sqlite3.sqlite_version}")
    address = address.set(query={"timeout": _LOCK_TIMEOUT, **address.query})
    engine = create_engine(address, hide_parameters=True)
    event.listen(engine, "do_connect", _make_private_file)
    event.listen(engine, "connect", _set_up)
    event.listen(engine, "begin", _begin)
    return engine


def _make_private_file(
    _dialect: object, _record: object, arguments: list[Any], keywords: dict[str, Any]
) -> None:
    """Make the file before SQLite does, which would let everybody read it."""
    path = str(arguments[0])
    if path == ":memory:" or keywords.get("uri"):
        return
    try:
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except OSError as error:
        raise make_file_error(path, error) from error


def _set_up(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # or the driver would begin transactions of its own
    connection.execute(_PAGES)
    _switch_to_wal(connection)
    for statement in _SET_UP:
        connection.execute(statement)


def _switch_to_wal(connection: sqlite3.Connection) -> None:
    """Keep a log of writes beside the file, so that reading and writing do not stop each other."""
    for _ in range(_MOST_SWITCHES):
        with suppress(sqlite3.OperationalError):
            connection.execute("PRAGMA journal_mode = WAL")
            return
        # Several who open a new file at once are in each other's way, and whatever the time-out
        # the switch does not wait for the lock; this does.
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("COMMIT")
    connection.execute("PRAGMA journal_mode = WAL")


def _begin(connection: Connection) -> None:
    options = connection.get_execution_options()
    if options.get("is_reading", False):
        return  # a query is a transaction of its own, and the log lets it read while others write
    is_lasting = options.get("is_lasting", True)
    if connection.info.get("is_lasting", True) is not is_lasting:
        connection.exec_driver_sql(_LASTING if is_lasting else _FLEETING)
        connection.info["is_lasting"] = is_lasting
    # IMMEDIATE waits for the lock here. A plain BEGIN that reads before it writes fails at once
    # where another process wrote in between, whatever the time-out.
    connection.exec_driver_sql("BEGIN IMMEDIATE")
