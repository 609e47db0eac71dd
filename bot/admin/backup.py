"""The commands ``backup`` and ``restore``, for a database that is an SQLite file.

Both yield lines to print, and raise ConfigError and StorageError.
"""

import asyncio
import shlex
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Final

from bot.config import Settings
from bot.errors import ConfigError, StorageError
from bot.storage.engine import describe_database, find_database_file, is_on_server
from bot.storage.sqlite_copy import (
    SqliteCopy,
    forget_checkpoints,
    make_copy,
    publish,
    replace_database,
)

_PG_DUMP: Final = "pg_dump --format=custom --file={backup} {address}"
# Without checkpoints, as in a copy of an SQLite file: see forget_checkpoints.
_PG_RESTORE: Final = (
    "pg_restore --clean --if-exists --dbname={address} {backup}"
    " && psql --command='DELETE FROM checkpoints' {address}"
)


async def back_up(settings: Settings, file: Path) -> AsyncIterator[str]:
    """Copy the database into a new file, whether the bot runs or not."""
    database = _find_file(settings, _PG_DUMP, file)
    copy = await asyncio.to_thread(_back_up, database, file)
    yield f"Copied {database} to {file}: {_describe(copy)}."
    key = settings.find_key_file()
    where = f"the file {key}" if key and not settings.vault.keys else "[vault] keys"
    yield f"The key is not in it ({where}): keep a copy of that in another place. Without the key"
    yield "everybody must connect again."


async def restore(
    settings: Settings, file: Path, now: datetime, *, is_sure: bool
) -> AsyncIterator[str]:
    """Put a backup in the place of the database, which no process may have open.

    Where there is a database, only if ``is_sure``.
    """
    database = _find_file(settings, _PG_RESTORE, file)
    if database.exists() and not is_sure:
        raise StorageError(
            f"{database} is there, and was not changed. With --yes the backup takes its place, and"
            " it is kept under another name."
        )
    copy, kept = await asyncio.to_thread(_restore, file, database, now)
    later = "; the next start updates its tables" if copy.is_outdated else ""
    yield f"Restored {database} from {file}: {_describe(copy)}{later}."
    if kept is not None:
        yield f"The database that was there is kept as {kept}. It holds people's sealed tokens:"
        yield "delete it when all is well."
    yield "Now see with session-bot check whether its key is there, and start the bot."


def _find_file(settings: Settings, command: str, backup: Path) -> Path:
    """Return the file of the database; raise ConfigError, with the command, for PostgreSQL."""
    url = settings.storage.url
    if is_on_server(url):
        address, name = shlex.quote(describe_database(url)), shlex.quote(str(backup))
        raise ConfigError(
            "The database is on PostgreSQL, which has its own programs for this. Run: "
            + command.format(address=address, backup=name)
        )
    file = find_database_file(url)
    if file is None:
        raise ConfigError("[storage] url: this database is in memory only; there is no file of it")
    return file.resolve()  # SQLite looks for the log beside the file itself, not beside a link


def _back_up(database: Path, file: Path) -> SqliteCopy:
    if file.exists():
        raise StorageError(f"{file} is there already, and was not changed; choose another name.")
    with make_copy(database, file) as copy:
        publish(copy, file)
    return copy


def _restore(file: Path, database: Path, now: datetime) -> tuple[SqliteCopy, Path | None]:
    with make_copy(file, database) as copy:
        forget_checkpoints(copy)
        return copy, replace_database(copy, database, now)


def _describe(copy: SqliteCopy) -> str:
    accounts = "1 account" if copy.accounts == 1 else f"{copy.accounts} accounts"
    return f"{accounts}, schema {copy.revision}"
