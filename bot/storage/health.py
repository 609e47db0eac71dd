"""Whether the database can be written."""

from typing import Final

import structlog

from bot.errors import StorageError


class StorageHealth:
    """Remembers how the last write ended; the log says so once each time that changes."""

    def __init__(self) -> None:
        self.is_good = True
        self._log: Final = structlog.get_logger("storage")

    def note_failure(self, error: StorageError) -> None:
        """Take in that a write failed."""
        if self.is_good:
            self._log.error("the database fails; nothing is lost meanwhile", problem=str(error))
        self.is_good = False

    def note_success(self) -> None:
        """Take in that a write was kept."""
        if not self.is_good:
            self._log.warning("the database works again")
        self.is_good = True
