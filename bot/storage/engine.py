"""The way to the database: an engine for its address."""

import os
import socket
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

from bot.errors import ConfigError, StorageError, make_missing_extra
from bot.storage.failures import make_file_error

_LOCK_TIMEOUT: Final = "10"  # seconds, where the address does not say
_MIN_SQLITE_VERSION: Final = (3, 35)  # the first that knows RETURNING
_MAX_SWITCHES: Final = 50

_DURABLE: Final = "PRAGMA synchronous = FULL"
# WAL with NORMAL forgets the last commits in a power cut, always from the end of the log, and
# waits for no disk.
_NOT_DURABLE: Final = "PRAGMA synchronous = NORMAL"
# Not every build of SQLite overwrites what is deleted unless it is asked to.
_SET_UP: Final = ("PRAGMA foreign_keys = ON", "PRAGMA secure_delete = ON", _DURABLE)
# Bytes; half of what is usual, for a file that is new. A question changes a few bytes on each of
# six pages, and all of each page goes into the log.
_PAGE_SIZE: Final = "PRAGMA page_size = 2048"


def make_sqlite_engine(address: URL) -> Engine:
    """Make the engine, unconnected; raise ConfigError where SQLite itself is too old."""
    if sqlite3.sqlite_version_info < _MIN_SQLITE_VERSION:
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
    connection.execute(_PAGE_SIZE)
    _switch_to_wal(connection)
    for statement in _SET_UP:
        connection.execute(statement)


def _switch_to_wal(connection: sqlite3.Connection) -> None:
    """Keep a log of writes beside the file, so that reading and writing do not stop each other."""
    for _ in range(_MAX_SWITCHES):
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
    if options.get("is_read_only", False):
        return  # a query is a transaction of its own, and the log lets it read while others write
    is_durable = options.get("is_durable", True)
    if connection.info.get("is_durable", True) is not is_durable:
        connection.exec_driver_sql(_DURABLE if is_durable else _NOT_DURABLE)
        connection.info["is_durable"] = is_durable
    # IMMEDIATE waits for the lock here. A plain BEGIN that reads before it writes fails at once
    # where another process wrote in between, whatever the time-out.
    connection.exec_driver_sql("BEGIN IMMEDIATE")


# Each may be set otherwise in the address, where libpq's documentation explains them.
_CONNECTING: Final = {
    "application_name": "session-bot",
    "client_encoding": "utf8",  # whatever the database has
    "connect_timeout": "10",  # seconds
    "keepalives_idle": "15",  # seconds; a link that went silent is noticed in half a minute
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "20000",  # milliseconds
}
_TIMEOUTS: Final = (
    "-c statement_timeout=30s",
    "-c lock_timeout=10s",
    "-c idle_in_transaction_session_timeout=30s",
)

_DO_NOT_WAIT_FOR_DISK: Final = "SET LOCAL synchronous_commit = off"

# Names of advisory locks, which are numbers; nothing else in the database should use the same.
_MIGRATION_LOCK: Final = 7_366_501
_GROUP_LOCK: Final = 7_366_502


def make_postgresql_engine(address: URL) -> Engine:
    """Make the engine, unconnected, of one connection; raise ConfigError for a bad address."""
    if "@" in (address.host or ""):
        # What stands before that @ is the end of a password, and would be shown as a host.
        raise ConfigError("[storage] url: write an @ in the user's name or password as %40")
    return create_engine(
        _add_time_limits(address),
        isolation_level="SERIALIZABLE",
        pool_size=1,
        max_overflow=0,
        hide_parameters=True,
        use_native_hstore=False,  # or it would be looked for at every start
    )


def make_connection_settings(url: str, options: str = "") -> dict[str, Any]:
    """Return what libpq needs to connect to the same database otherwise than through the engine.

    ``options`` is for the server, as in ``-c search_path=mine``, and wins over the address's own.
    """
    address = _add_time_limits(make_url(url), options)
    _, settings = address.get_dialect()().create_connect_args(address)
    return dict(settings)


def _add_time_limits(address: URL, options: str = "") -> URL:
    words = " ".join([*_TIMEOUTS, *address.normalized_query.get("options", ()), options]).strip()
    return address.set(query={**_CONNECTING, **address.query, "options": words})


def begin_shared(connection: Connection, count: int, *, is_durable: bool) -> None:
    """Begin a transaction for ``count`` tasks that need not see the same state."""
    connection.execution_options(isolation_level="READ COMMITTED")
    connection.begin()
    if count > 1:
        # One group at a time: two that lock the same rows in another order would wait for each
        # other until the server ends one of them, after a second.
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_GROUP_LOCK})")
    if not is_durable:
        connection.exec_driver_sql(_DO_NOT_WAIT_FOR_DISK)


def interrupt(connection: Connection) -> None:
    """Make a statement that runs on another thread fail, also where its server hangs."""
    with suppress(Exception):  # the statement may just have ended
        driver: Any = connection.connection.dbapi_connection
        if isinstance(driver, sqlite3.Connection):
            driver.interrupt()
            return
        # libpq waits for an answer without a limit, but not on a socket that is shut down. It
        # keeps its own descriptor, and closes that.
        with socket.socket(fileno=os.dup(driver.fileno())) as duplicate:
            duplicate.shutdown(socket.SHUT_RDWR)


def wait_to_migrate(connection: Connection) -> None:
    """Begin a migration: wait until no other process is at it, and see what it did.

    Raises StorageError for a database that cannot hold every text.
    """
    # As a serializable transaction it would see the schema as it was before the wait.
    connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
    connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
    connection.exec_driver_sql("SET LOCAL lock_timeout = '2min'")
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})")
    encoding = connection.exec_driver_sql("SHOW server_encoding").scalar_one()
    if encoding != "UTF8":
        raise StorageError(
            f"The database is encoded in {encoding}; make it with:"
            " CREATE DATABASE name ENCODING 'UTF8' TEMPLATE template0"
        )


_URL_ADVICE: Final = (
    "[storage] url: write it like sqlite:///session-bot.db or postgresql://user@host/database"
)
_URI_SCHEME: Final = "file:"  # sqlite.org/uri.html
_ENGINE_MAKERS: Final = {
    "sqlite+pysqlite": make_sqlite_engine,
    "postgresql+psycopg": make_postgresql_engine,
}


def make_engine(url: str) -> Engine:
    """Make the engine, unconnected; raise ConfigError for an address that cannot work."""
    address = _parse_address(url)
    try:
        driver = f"{address.get_backend_name()}+{address.get_driver_name()}"
        if driver in _ENGINE_MAKERS:
            return _ENGINE_MAKERS[driver](address)
    except (ArgumentError, ValueError):
        raise ConfigError(_URL_ADVICE) from None
    except ModuleNotFoundError as error:
        raise make_missing_extra("[storage] url", error.name, "postgresql") from error
    raise ConfigError(_URL_ADVICE)


def is_on_server(url: str) -> bool:
    """Return whether the database is PostgreSQL; false also for an address that cannot work."""
    return url.partition(":")[0].partition("+")[0] == "postgresql"


def find_database_file(url: str) -> Path | None:
    """Return the file of an SQLite database; None for a database that is not a file.

    Raises ConfigError for an address that cannot work.
    """
    address = _parse_address(url)
    is_file = address.get_backend_name() == "sqlite" and address.query.get("mode") != "memory"
    path = (address.database or "").removeprefix(_URI_SCHEME)
    return Path(path) if is_file and path not in {"", ":memory:"} else None


def make_absolute(url: str, folder: Path) -> str:
    """Return the address with the path of an SQLite file made absolute, from the folder.

    Raises ConfigError for an address that cannot work.
    """
    file, address = find_database_file(url), _parse_address(url)
    if file is None or file.is_absolute():
        return url
    scheme = _URI_SCHEME if str(address.database).startswith(_URI_SCHEME) else ""
    path = f"{scheme}{(folder / file).absolute()}"
    return address.set(database=path).render_as_string(hide_password=False)


def describe_database(url: str) -> str:
    """Return which database it is: its file, or its server's address without any password.

    Raises ConfigError for an address that cannot work.
    """
    address = _parse_address(url)
    if not is_on_server(url):
        return str(find_database_file(url) or "in memory")
    shown = URL.create(
        "postgresql",
        username=address.username,
        # What stands before an @ in the host is the end of a password.
        host=(address.host or "").rpartition("@")[2] or None,
        port=address.port,
        database=address.database,
        query={name: value for name, value in address.query.items() if "password" not in name},
    )
    return shown.render_as_string()


def _parse_address(url: str) -> URL:
    try:
        return make_url(url)
    except (ArgumentError, ValueError):
        # Without the cause, which may quote the address, and that may hold a password.
        raise ConfigError(_URL_ADVICE) from None
