"""Whether another program has an SQLite file open, as SQLite's own locks tell."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from bot.errors import StorageError
from bot.storage.failures import make_file_error

# Bytes. Where the write-ahead log is in use, every open connection holds a read lock on this range
# from its first look until it is closed; the system drops it with the process. The place is part
# of the file format (https://www.sqlite.org/fileformat2.html, "The Lock-Byte Page"), and its parts
# are named in SQLite's os.h.
_SHARED_FIRST: Final = 0x4000_0002
_SHARED_SIZE: Final = 510


@contextmanager
def hold_unopened(file: Path) -> Iterator[None]:
    """Keep all other processes from opening the SQLite file while the block lasts.

    This process must not have it open: closing it here would drop SQLite's locks. Raises
    StorageError where another process has it open.
    """
    try:
        descriptor = os.open(file, os.O_RDWR)
    except OSError as error:
        raise make_file_error(str(file), error) from error
    try:
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, _SHARED_SIZE, _SHARED_FIRST)
        except OSError as error:
            raise StorageError(
                f"{file} is open in another program, most likely the bot. Stop that first, as with:"
                " systemctl stop session-bot. Nothing was changed."
            ) from error
        yield
    finally:
        os.close(descriptor)
