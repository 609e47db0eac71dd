"""What a failing database means, in words that say what to do."""

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from bot.errors import StorageError

_SQLITE_ADVICE: Final = {
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
    sqlite3.SQLITE_IOERR_WRITE: "the disk takes nothing more; look for a quota or a limit on the"
    " size of files, and then into the system's log",
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

# PostgreSQL's by their codes, the first two characters of which name a class of them.
_POSTGRESQL_ADVICE: Final = {
    "22": "it cannot keep one of the values",
    "25006": "the server is a read-only copy; write the main server's address into [storage] url",
    "40001": "too many were changing the same rows; try again",
    "40P01": "too many were changing the same rows; try again",
    "42501": "the bot's role lacks a right; make it the owner of the database",
    "42P01": "a table is missing; restore a backup",
    "53": "the server has no memory or no connection left; look into its log",
    "53100": "the server's disk is full; make room",
    "55P03": "it is locked by another program; close that or try again",
    "57": "the server ended the connection; it may be restarting",
    "57014": "it took too long; look into the server's log for what is slow",
    "58": "the server's disk failed to read or write; look into its log",
    "XX001": "it is damaged; restore a backup",
    "XX002": "an index is damaged; run REINDEX DATABASE or restore a backup",
}
_CONFLICTS: Final = {"40001", "40P01"}  # a serialization failure, a deadlock

# Before there is a connection there are no codes; the first of these words that is found counts.
_CONNECTION_ADVICE: Final = (
    ("authentication failed", "the server refuses the role or its password"),
    ("no password supplied", "the server asks for a password; write it into [storage] url"),
    ("no pg_hba.conf entry", "the server lets this role or machine not in; see its pg_hba.conf"),
    ("role ", "there is no such role on the server that may log in; run CREATE ROLE"),
    ("too many ", "the server has no connection left; raise its max_connections"),
    ("connection slots", "the server has no connection left; raise its max_connections"),
    ("database system is", "the server is starting or stopping; try again"),
    ("database ", "there is no such database on the server; run CREATE DATABASE"),
    ("failed to resolve", "the host in [storage] url is not known"),
    ("timeout", "the server does not answer; check the host and port in [storage] url"),
    ("refused", "no server answers; start it, or correct the host and port in [storage] url"),
    ("No such file", "no server answers; start it, or correct the host in [storage] url"),
)


@contextmanager
def translated_errors() -> Iterator[None]:
    """Raise StorageError, with advice, for whatever SQLAlchemy raises inside."""
    try:
        yield
    except SQLAlchemyError as error:
        _forget_values(error)
        raise StorageError(f"The database could not be used: {_explain(error)}.") from error


@contextmanager
def translated_sqlite_errors(doing: str) -> Iterator[None]:
    """Raise StorageError, which says that ``doing`` failed and why, for what SQLite raises."""
    try:
        yield
    except sqlite3.Error as error:
        raise StorageError(f"{doing} failed: {_explain_sqlite(error) or error}.") from error


@contextmanager
def translated_file_errors(path: Path) -> Iterator[None]:
    """Raise StorageError for a database file that cannot be made or renamed inside."""
    try:
        yield
    except OSError as error:
        raise make_file_error(str(path), error) from error


def make_file_error(path: str, error: OSError) -> StorageError:
    """Make the StorageError for a database file that could not be made."""
    advice = _FILE_ADVICE.get(error.errno or 0, error.strerror)
    return StorageError(f"The database {path} could not be made: {advice}.")


def is_conflict(error: DBAPIError) -> bool:
    """Return whether the transaction was undone only because others were in its way."""
    return getattr(error.orig, "sqlstate", None) in _CONFLICTS


def _forget_values(error: SQLAlchemyError) -> None:
    """Shorten PostgreSQL's errors, which quote the row at fault, to what went wrong."""
    cause = error.orig if isinstance(error, DBAPIError) else None
    state = getattr(cause, "sqlstate", None)
    if cause is None or state is None:
        return
    is_quoting = state.startswith("22")  # a value that is not of its type
    brief = "" if is_quoting else str(cause).partition("\n")[0]
    cause.args = (brief,)
    error.args = (f"{type(cause).__name__} {state}: {brief}",)


def _explain(error: SQLAlchemyError) -> str:
    if not isinstance(error, DBAPIError):
        return "the program used it in a way that cannot work; report this, with the log"
    cause = error.orig
    state = getattr(cause, "sqlstate", None)
    if isinstance(cause, sqlite3.Error):
        advice = _explain_sqlite(cause)
    elif state is not None:
        advice = _POSTGRESQL_ADVICE.get(state) or _POSTGRESQL_ADVICE.get(state[:2])
    else:
        advice = _explain_connection(str(cause))
    return advice or str(cause).strip().rstrip(".") or "the driver gives no reason"


def _explain_sqlite(error: sqlite3.Error) -> str | None:
    code = getattr(error, "sqlite_errorcode", 0)
    return _SQLITE_ADVICE.get(code) or _SQLITE_ADVICE.get(code & _PRIMARY_CODE)


def _explain_connection(text: str) -> str | None:
    reason = text.rpartition("failed: ")[2]
    return next((advice for words, advice in _CONNECTION_ADVICE if words in reason), None)
