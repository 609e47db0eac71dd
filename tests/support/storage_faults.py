"""What can be done to a database file and to a running program, as disks and other programs do."""

import resource
import socket
import sqlite3
import subprocess
import sys
from asyncio.subprocess import Process
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bot.config import Settings, WebSettings
from tests.support.deadlines import DEADLINE_S

_LOCK = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
sys.stdin.readline()
"""


@contextmanager
def lock_by_another_program(path: Path) -> Iterator[None]:
    with subprocess.Popen(  # noqa: S603 - our own interpreter and script
        [sys.executable, "-c", _LOCK, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"locked\n"
        yield
        other.communicate(b"\n")


class Damage:
    """Overwrites the page of a table, as a failing disk does, and puts it back."""

    def __init__(self, path: Path, table: str) -> None:
        self._path = path
        self._other = sqlite3.connect(path, isolation_level=None, timeout=DEADLINE_S)
        self._other.execute("CREATE TABLE elsewhere (word VARCHAR)")
        self._other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        find = "SELECT rootpage FROM sqlite_master WHERE name = ?"
        (number,) = self._other.execute(find, [table]).fetchone()
        (self._size,) = self._other.execute("PRAGMA page_size").fetchone()
        self._offset = (number - 1) * self._size
        self._right = path.read_bytes()[self._offset : self._offset + self._size]

    def make(self) -> None:
        self._write(b"\xff" * self._size)

    def repair(self) -> None:
        self._write(self._right)
        self._other.close()

    def _write(self, page: bytes) -> None:
        with self._path.open("r+b") as file:
            file.seek(self._offset)
            file.write(page)
        # A write by somebody else makes SQLite read its pages from the file again.
        self._other.execute("INSERT INTO elsewhere VALUES ('new')")


@contextmanager
def full_disk(process: Process) -> Iterator[None]:
    """Let the system refuse a program's every write to a file, as it does beyond a quota."""
    usual = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (0, usual[1]))
    try:
        yield
    finally:
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, usual)


def find_free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
        return port


def choose_port(settings: Settings) -> Settings:
    """Return the same settings with a free port, so that a program's pages can be found."""
    port = find_free_port()
    web = WebSettings(public_url=f"http://127.0.0.1:{port}", port=port)
    return settings.model_copy(update={"web": web})
