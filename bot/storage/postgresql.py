"""PostgreSQL, made to behave like the one file: work runs as if it were alone there."""

from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, create_engine, make_url

from bot.errors import ConfigError, StorageError

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

_WAIT_FOR_NO_DISK: Final = "SET LOCAL synchronous_commit = off"

# Names of advisory locks, which are numbers; nothing else in the database should use the same.
_MIGRATION_LOCK: Final = 7_366_501
_GROUP_LOCK: Final = 7_366_502


def make_postgresql_engine(address: URL) -> Engine:
    """Make the engine, unconnected, of one connection; raise ConfigError for a bad address."""
    if "@" in (address.host or ""):
        # What stands before that @ is the end of a password, and would be shown as a host.
        raise ConfigError("[storage] url: write an @ in the user's name or password as %40")
    options = " ".join([*_TIMEOUTS, *address.normalized_query.get("options", ())])
    address = address.set(query={**_CONNECTING, **address.query, "options": options})
    return create_engine(
        address,
        isolation_level="SERIALIZABLE",
        pool_size=1,
        max_overflow=0,
        hide_parameters=True,
        use_native_hstore=False,  # or it would be looked for at every start
    )


def make_connection_settings(url: str, options: str = "") -> dict[str, Any]:
    """Give what libpq needs to connect to the same database otherwise than through the engine.

    ``options`` is for the server, as in ``-c search_path=mine``, and wins over the address's own.
    """
    address = make_url(url)
    words = " ".join([*_TIMEOUTS, *address.normalized_query.get("options", ()), options])
    address = address.set(query={**_CONNECTING, **address.query, "options": words})
    _, settings = address.get_dialect()().create_connect_args(address)
    return dict(settings)


def begin_small_jobs(connection: Connection, count: int, *, is_lasting: bool) -> None:
    """Begin a transaction for jobs of one statement each, which need not see the same state."""
    connection.execution_options(isolation_level="READ COMMITTED")
    connection.begin()
    if count > 1:
        # One group at a time: two that lock the same rows in another order would wait for each
        # other until, after a second, the server ends one of them.
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_GROUP_LOCK})")
    if not is_lasting:
        connection.exec_driver_sql(_WAIT_FOR_NO_DISK)


def begin_alone(connection: Connection, *, is_lasting: bool) -> None:
    """Begin a transaction that sees the database as if nobody else used it."""
    connection.begin()
    if not is_lasting:
        connection.exec_driver_sql(_WAIT_FOR_NO_DISK)


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
