"""Looking at a database without changing it, and opening one only where it is there."""

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, text

from bot.errors import StorageError
from bot.storage.database import Database, open_database
from bot.storage.engine import describe_database, find_database_file, make_engine
from bot.storage.failures import make_file_error
from bot.storage.schema import is_outdated, read_revision


@dataclass(frozen=True, slots=True)
class Inspection:
    """What is in a database: no tables yet, or those of an older program.

    ``accounts`` counts all connected accounts, those with a revoked token too.
    """

    is_new: bool
    is_outdated: bool = False
    accounts: int = 0


async def inspect_database(url: str) -> Inspection:
    """Try to read and write the database; nothing that is tried stays.

    Raises StorageError, and ConfigError for a bad ``url``.
    """
    engine = make_engine(url)
    file = find_database_file(url)
    if file is not None and _is_missing(file):
        _try_folder(file)
        return Inspection(is_new=True)
    database = Database(engine)
    try:
        return await database.write(_inspect)
    finally:
        await database.close()


@asynccontextmanager
async def open_existing_database(url: str) -> AsyncIterator[Database]:
    """Open the database as ``open_database`` does, but make and update nothing.

    Raises StorageError also where there are no tables, or those of an older program.
    """
    file = find_database_file(url)
    if file is not None and _is_missing(file):
        raise make_missing_error(url)
    state = await inspect_database(url)
    if state.is_new:
        raise make_missing_error(url)
    if state.is_outdated:
        raise StorageError(
            f"The tables in {describe_database(url)} are those of an older version. Stop the bots"
            " that use them, then run session-bot migrate."
        )
    async with open_database(url) as database:
        yield database


def make_missing_error(url: str) -> StorageError:
    """Make the StorageError for a database that is not there, or has no tables."""
    return StorageError(
        f"There is no database of the bot: {describe_database(url)}. If it is elsewhere, correct"
        " [storage] url, or name its configuration with --config; session-bot run makes a new one."
    )


def _is_missing(file: Path) -> bool:
    """Return whether there is no such file; raise StorageError where that cannot be seen."""
    try:
        return not file.exists()
    except OSError as error:
        raise StorageError(
            f"The database {file} cannot be looked at: {error.strerror}. Is this the bot's user?"
        ) from error


def _try_folder(file: Path) -> None:
    try:
        with tempfile.TemporaryFile(dir=file.parent):
            return
    except OSError as error:
        raise make_file_error(str(file), error) from error


def _inspect(connection: Connection) -> Inspection:
    revision = read_revision(connection)
    has_older = is_outdated(revision)
    if not revision:
        connection.execute(text("CREATE TABLE session_bot_check (number INTEGER)"))
        connection.execute(text("DROP TABLE session_bot_check"))
        return Inspection(is_new=True)
    connection.execute(text("UPDATE alembic_version SET version_num = version_num"))
    count = connection.execute(text("SELECT count(*) FROM accounts")).scalar_one()
    return Inspection(is_new=False, is_outdated=has_older, accounts=count)
