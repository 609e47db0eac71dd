"""The command ``move``: from an SQLite file to PostgreSQL, while the bot is stopped."""

from collections.abc import AsyncIterator

from bot.config import Settings
from bot.errors import ConfigError, StorageError
from bot.scheduler.shared.open_cluster import migrate_jobs
from bot.storage.database import open_database
from bot.storage.engine import describe_database, find_database_file, is_on_server
from bot.storage.file_lock import hold_unopened
from bot.storage.move import Moved, move_database


async def move(settings: Settings, target_url: str) -> AsyncIterator[str]:
    """Copy everything to the database at ``target_url``, and tell what to configure.

    Yields lines to print, which never contain a password. Raises ConfigError and StorageError.
    """
    file = find_database_file(settings.storage.url)
    if file is None:
        raise ConfigError("[storage] url: only a database in an SQLite file can be moved")
    if not is_on_server(target_url):
        raise ConfigError("--to: write it like postgresql://user@host/database")
    if not file.is_file():
        raise StorageError(f"{file} does not exist; there is nothing to move.")
    with hold_unopened(file):
        pass  # a process that had it open would go on writing into it
    try:
        moved = await move_database(settings.storage.url, target_url)
    except (ConfigError, StorageError) as error:
        raise type(error)(str(error).replace("[storage] url", "--to")) from None
    async with open_database(target_url) as database:
        await migrate_jobs(database, target_url)
    for line in _describe(moved):
        yield line
    yield f"Nothing was deleted from {file}. Now write into the configuration:"
    yield "  [storage]"
    yield f'  url = "{describe_database(target_url)}"'
    yield "with the password as you gave it, or without one where ~/.pgpass or PGPASSWORD has it."
    key = settings.find_key_file()
    if key is not None and not settings.vault.keys:
        yield "  [vault]"
        yield f'  key_file = "{key.absolute()}"'
    yield "Then run session-bot check, and start the bot."
    yield f"When all is well, delete {file}: it holds people's sealed tokens."


def _describe(moved: Moved) -> list[str]:
    total = f"{sum(moved.rows.values()):,} rows"
    done = "were there already, and are" if moved.was_there else "copied, and"
    rows = [f"{name:<20} {count:>9,}" for name, count in moved.rows.items() if count]
    return [*rows, f"{total} {done} the same in both databases."]
