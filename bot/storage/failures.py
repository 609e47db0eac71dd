"""What a failing database means, in words that say what to do."""

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from bot.errors import StorageError

_ADVICE: Final = {
    sqlite3.SQLITE_BUSY: "it is locked by another program; close that or try again",
    sqlite3.SQLITE_LOCKED: "it is locked by another program; close that or try again",
    sqlite3.SQLITE_FULL: "the disk is full; make room",
    sqlite3.SQLITE_READONLY: "it is read-only; give the bot's user the right to write"
    " to the file and its folder",
    sqlite3.SQLITE_PERM: "the bot's user may not open it; give it the right to",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened; check that the folder exists"
    " and that the bot's user may write in it",
    sqlite3.SQLITE_CORRUPT: "the file is damaged; restore a backup or move it away",
    sqlite3.SQLITE_NOTADB: "the file is no database or is damaged;"
    " restore a backup or move it away",
    sqlite3.SQLITE_IOERR: "the disk failed to read or write; look into the system's log",
}
_PRIMARY_CODE: Final = 0xFF  # the bits above it are SQLite's finer distinctions

_FILE_ADVICE: Final = {
    errno.ENOENT: "the folder does not exist; make it",
    errno.ENOTDIR: "the folder does not exist; make it",
    errno.EACCES: "the bot's user may not write in the folder; give it the right to",
    errno.EPERM: "the bot's user may not write in the folder; give it the right to",
    errno.EROFS: "the folder is read-only; choose another",
    errno.ENOSPC: "the disk is full; make room",
}


@contextmanager
def translated_errors() -> Iterator[None]:
    """Raise StorageError, with advice, for whatever SQLAlchemy raises inside."""
    try:
        yield
    except SQLAlchemyError as error:
        raise StorageError(f"The database could not be used: {_explain(error)}.") from error


def make_file_error(path: str, error: OSError) -> StorageError:
    """Make the StorageError for a database file that could not be made."""
    advice = _FILE_ADVICE.get(error.errno or 0, error.strerror)
    return StorageError(f"The database {path} could not be made: {advice}.")


def _explain(error: SQLAlchemyError) -> str:
    if not isinstance(error, DBAPIError):
        return f"an unexpected {type(error).__name__}"
    cause = error.orig
    code = getattr(cause, "sqlite_errorcode", 0) & _PRIMARY_CODE
    return _ADVICE.get(code) or f"{type(cause).__name__}, {cause}".rstrip(".\n")
