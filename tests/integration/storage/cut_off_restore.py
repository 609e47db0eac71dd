"""Replace a database in a process that ends by force at its n-th change of a file, for every n.

Arguments: the backup, the database, and a folder for what each n leaves. Prints the last n.
"""

import os
import shutil
import sys
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from bot.storage.sqlite_copy import make_copy, replace_database

CHANGES = {"open", "os.chown", "os.link", "os.remove", "os.rename"}  # Python's audit events


def replace(saved: Path, database: Path, end_at: int) -> None:
    """Replace it, or end before the change with that number."""
    numbers = count(1)

    def end(event: str, _arguments: object) -> None:
        if event in CHANGES and next(numbers) == end_at:
            os._exit(1)

    sys.addaudithook(end)
    with make_copy(saved, database) as copy:
        replace_database(copy, database, datetime.now(UTC))
    os._exit(0)


def main(saved: Path, database: Path, folder: Path) -> None:
    for number in count(1):
        place = folder / str(number)
        place.mkdir()
        for file in database.parent.glob(f"{database.name}*"):
            shutil.copy(file, place)
        child = os.fork()
        if not child:
            replace(saved, place / database.name, number)
        _, status = os.waitpid(child, 0)
        if os.waitstatus_to_exitcode(status) == 0:
            sys.stdout.write(f"{number}\n")
            return


main(*(Path(argument) for argument in sys.argv[1:]))
