"""SQLite's write-ahead log, in which pages with what was deleted stay until it is emptied."""

from typing import Final

from sqlalchemy import text

from bot.storage.database import Database

_EMPTY: Final = text("PRAGMA wal_checkpoint(TRUNCATE)")


async def empty_log(database: Database) -> bool:
    """Copy the log into the SQLite file and cut it to nothing; do nothing on a server.

    Return false where a reader was in the way for as long as the address allows, ten seconds by
    default. Raises StorageError.
    """
    if not database.is_sqlite:
        return True
    # Not ``write``: a checkpoint is not possible in a transaction.
    ((is_blocked, _, _),) = await database.fetch_all(_EMPTY)
    return not is_blocked
