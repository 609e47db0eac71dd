"""Copies of an SQLite database: made while others use it, checked, and put in its place."""

import os
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from bot.errors import StorageError
from bot.storage.failures import translated_file_errors, translated_sqlite_errors
from bot.storage.file_lock import hold_unopened
from bot.storage.schema import is_outdated

_LOCK_TIMEOUT_S: Final = 10.0
_SIDE_FILES: Final = ("-wal", "-shm", "-journal")
_OUR_TABLES: Final = (
    "SELECT count(*) FROM sqlite_master WHERE name IN ('accounts', 'alembic_version')"
)


@dataclass(frozen=True, slots=True)
class SqliteCopy:
    """A whole and readable copy of a database of this program's, in one file.

    ``accounts`` counts all connected accounts, those with a revoked token too.
    """

    file: Path
    revision: str
    is_outdated: bool
    accounts: int


@contextmanager
def make_copy(source: Path, target: Path) -> Iterator[SqliteCopy]:
    """Copy a database into a new file beside ``target``, mode 0600, and check the copy.

    The file is removed at the end unless ``publish`` or ``replace_database`` gave it its name.
    Others may read and write ``source`` meanwhile: the copy is as of the moment at which it began.
    Raises StorageError, also for what is no database of this program's.
    """
    if not source.is_file():
        raise StorageError(f"{source} does not exist.")
    draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    with translated_file_errors(target):
        os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        try:
            with translated_sqlite_errors(f"Copying {source} to {target}"):
                _copy(source, draft)
                copy = _check(source, draft)
            yield copy
        finally:
            draft.unlink(missing_ok=True)
            _remove_side_files(draft)


def forget_checkpoints(copy: SqliteCopy) -> None:
    """Let the bot begin with what is said after its next start; raise StorageError.

    It would otherwise do again, in silence, what it was told since the backup: the number 2 of
    ``!logout 2`` may be another device by now.
    """
    with (
        translated_sqlite_errors(f"Writing {copy.file}"),
        closing(sqlite3.connect(copy.file)) as database,
        database,
    ):
        database.execute("DELETE FROM checkpoints")


def publish(copy: SqliteCopy, target: Path) -> None:
    """Rename a copy, once it is on the disk, over what has this name. Raises OSError."""
    _sync(copy.file)
    copy.file.replace(target)
    _sync(target.parent)


def replace_database(copy: SqliteCopy, target: Path, now: datetime) -> Path | None:
    """Put a copy in the place of a database that no process has open; keep that one.

    Returns the file in which the old database is kept with all that was in it, None where there
    was none. Raises StorageError and OSError.
    """
    if not target.exists():
        _give_to_owner(copy.file, target.parent)
        _remove_side_files(target)
        publish(copy, target)
        return None
    with hold_unopened(target):
        # Under a second name first, and complete, log included: wherever this is cut off, nothing
        # is lost. The log goes before the new file comes, to which it does not belong.
        kept = target.with_name(f"{target.name}.replaced-{now:%Y%m%d-%H%M%S}")
        _link_all(target, kept)
        _give_to_owner(copy.file, target)
        _remove_side_files(target)
        publish(copy, target)
    return kept


def _copy(source: Path, draft: Path) -> None:
    address = f"{source.absolute().as_uri()}?mode=ro"
    with (
        closing(sqlite3.connect(address, uri=True, timeout=_LOCK_TIMEOUT_S)) as original,
        closing(sqlite3.connect(draft, isolation_level=None)) as copied,
    ):
        copied.execute("PRAGMA synchronous = OFF")  # the whole file is synchronised at the end
        # All pages at once: in steps, every write of somebody else would start the copy again.
        original.backup(copied, pages=-1)
        # The copy is then complete without a log beside it.
        copied.execute("PRAGMA journal_mode = DELETE")


def _check(source: Path, draft: Path) -> SqliteCopy:
    with closing(sqlite3.connect(draft)) as copied:
        (problem,) = copied.execute("PRAGMA integrity_check(1)").fetchone()
        if problem != "ok":
            raise StorageError(f"{source} is damaged ({problem}); use a backup.")
        revision = None
        if copied.execute(_OUR_TABLES).fetchone() == (2,):
            revision = copied.execute("SELECT version_num FROM alembic_version").fetchone()
        if not revision:
            raise StorageError(f"{source} is no database of this program.")
        (accounts,) = copied.execute("SELECT count(*) FROM accounts").fetchone()
    return SqliteCopy(draft, revision[0], is_outdated(revision[0]), accounts)


def _link_all(file: Path, other: Path) -> None:
    for suffix in ("", "-wal", "-journal"):
        if Path(f"{file}{suffix}").exists():
            Path(f"{other}{suffix}").hardlink_to(f"{file}{suffix}")
    _sync(file.parent)


def _remove_side_files(file: Path) -> None:
    for suffix in _SIDE_FILES:
        Path(f"{file}{suffix}").unlink(missing_ok=True)


def _give_to_owner(file: Path, of: Path) -> None:
    """Let root leave the file to the user that the bot runs as."""
    status = of.stat()
    if os.geteuid() == 0:
        os.chown(file, status.st_uid, status.st_gid)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
