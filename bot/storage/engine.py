"""The way to the database: an engine for its address, and SQLite made fit for it."""

import os
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

from bot.errors import ConfigError
from bot.storage.failures import make_file_error

_LOCK_TIMEOUT: Final = "10"  # seconds, where the address does not say
_OLDEST_SQLITE: Final = (3, 35)  # the first that knows RETURNING

_SET_UP: Final = (
    "PRAGMA foreign_keys = ON",
    "PRAGMA journal_mode = WAL",
    # FULL, not NORMAL: WAL with NORMAL forgets the last commits in a power cut, and a refresh
    # token that Rocket.Chat has already replaced cannot be had again.
    "PRAGMA synchronous = FULL",
)


def make_engine(url: str) -> Engine:
    """Make the engine, unconnected; raise ConfigError for an address that cannot work."""
    try:
        address = make_url(url)
        is_sqlite = address.get_backend_name() == "sqlite"
        if is_sqlite:
            address = address.set(query={"timeout": _LOCK_TIMEOUT, **address.query})
        engine = create_engine(address, hide_parameters=True, pool_pre_ping=not is_sqlite)
    except ArgumentError as error:
        raise ConfigError("[storage] url: write it like sqlite:///session-bot.db") from error
    except ModuleNotFoundError as error:
        raise ConfigError(f"[storage] url: the driver {error.name} is not installed") from error
    if is_sqlite:
        _fit_sqlite(engine)
    return engine


def find_database_file(url: str) -> Path | None:
    """Give the file of an SQLite database; None for a database that is not a file."""
    address = make_url(url)
    is_file = address.get_backend_name() == "sqlite" and address.database
    return Path(str(address.database)) if is_file and address.database != ":memory:" else None


def _fit_sqlite(engine: Engine) -> None:
    if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        raise ConfigError(f"SQLite 3.35 or newer is needed, this is {sqlite3.sqlite_version}")
    event.listen(engine, "do_connect", _make_private_file)
    event.listen(engine, "connect", _set_up)
    event.listen(engine, "begin", _begin)


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
    for statement in _SET_UP:
        connection.execute(statement)


def _begin(connection: Connection) -> None:
    # IMMEDIATE waits for the lock here. A plain BEGIN that reads before it writes fails at once
    # where another process wrote in between, whatever the time-out.
    connection.exec_driver_sql("BEGIN IMMEDIATE")
