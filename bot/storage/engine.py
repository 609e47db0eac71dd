"""The way to the database: an engine for its address."""

from pathlib import Path
from typing import Final

from sqlalchemy import Engine, make_url
from sqlalchemy.exc import ArgumentError

from bot.errors import ConfigError
from bot.storage.postgresql import make_postgresql_engine
from bot.storage.sqlite import make_sqlite_engine

_HOW_TO: Final = (
    "[storage] url: write it like sqlite:///session-bot.db or postgresql://user@host/database"
)
_MAKERS: Final = {
    "sqlite+pysqlite": make_sqlite_engine,
    "postgresql+psycopg": make_postgresql_engine,
}


def make_engine(url: str) -> Engine:
    """Make the engine, unconnected; raise ConfigError for an address that cannot work."""
    try:
        address = make_url(url)
        driver = f"{address.get_backend_name()}+{address.get_driver_name()}"
        if driver in _MAKERS:
            return _MAKERS[driver](address)
    except (ArgumentError, ValueError):
        # Without the cause, which may quote the address, and that may hold a password.
        raise ConfigError(_HOW_TO) from None
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"[storage] url: the driver {error.name} is not installed;"
            " run: pip install 'session-bot[postgresql]'"
        ) from error
    raise ConfigError(_HOW_TO)


def is_on_server(url: str) -> bool:
    """Say whether the database is PostgreSQL; false also for an address that cannot work."""
    return url.partition(":")[0].partition("+")[0] == "postgresql"


def find_database_file(url: str) -> Path | None:
    """Give the file of an SQLite database; None for a database that is not a file."""
    address = make_url(url)
    is_file = address.get_backend_name() == "sqlite" and address.database
    return Path(str(address.database)) if is_file and address.database != ":memory:" else None
