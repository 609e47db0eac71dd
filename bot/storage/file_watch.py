"""Notices that the files of an open SQLite database were deleted or replaced.

SQLite goes on with the files that it has open: what it writes into deleted ones is lost at the end.
"""

import os
import time
from pathlib import Path
from typing import Final

from bot.errors import StorageError

_LOG_SUFFIX: Final = "-wal"
_CHECK_EVERY_S: Final = 0.5


class FileWatch:
    """Remembers which files the database and its log were when this was made."""

    def __init__(self, path: Path) -> None:
        self._path: Final = path.absolute()
        paths = [str(self._path), f"{self._path}{_LOG_SUFFIX}"]
        self._files: Final = {each: _identify(each) for each in paths}
        self._checked_at = 0.0

    def check_sometimes(self) -> None:
        """Check as ``check`` does, unless that was done in the last half second."""
        if time.monotonic() - self._checked_at > _CHECK_EVERY_S:
            self.check()

    def check(self) -> None:
        """Raise StorageError unless the same files are there; takes a few microseconds."""
        for path, identity in self._files.items():
            if identity is not None and _identify(path) != identity:
                raise StorageError(
                    f"The database {self._path} was deleted or replaced while the bot runs: put"
                    f" the files back (also {self._path.name}{_LOG_SUFFIX}), or restart the bot."
                )
        self._checked_at = time.monotonic()


def _identify(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - twice as fast, and called for each transaction
    except OSError:
        return None
    return found.st_dev, found.st_ino
