"""What can be done to a database file and to a running program, as disks and other programs do."""

import asyncio
import resource
import socket
import sqlite3
import subprocess
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bot.config import Settings
from tests.support.outage_stage import DEADLINE

PROGRAM = str(Path(sys.executable).with_name("session-bot"))
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
        self._other = sqlite3.connect(path, isolation_level=None, timeout=DEADLINE)
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
        # Whoever has the file open sees that somebody has written, and reads it anew.
        self._other.execute("INSERT INTO elsewhere VALUES ('new')")


@dataclass(frozen=True)
class Program:
    """The bot as a program of its own; ``base`` is where its pages are."""

    process: Process
    base: str
    log: list[str] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    async def read_log(self) -> None:
        """Read its log to the end, so that it never waits for somebody to do it."""
        assert self.process.stderr is not None
        while line := await self.process.stderr.readline():
            self.log.append(line.decode())
            self._news.set()

    async def wait_for_log(self, words: str) -> str:
        """Return the first line of its log with these words."""
        async with asyncio.timeout(DEADLINE):
            while not (found := [line for line in self.log if words in line]):
                self._news.clear()
                await self._news.wait()
        return found[0]

    @contextmanager
    def full_disk(self) -> Iterator[None]:
        """Let the system refuse its every write to a file, as it does beyond a quota."""
        usual = resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, (0, usual[1]))
        try:
            yield
        finally:
            resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, usual)


@asynccontextmanager
async def run_program(settings: Settings, folder: Path) -> AsyncIterator[Program]:
    """Run it while the block lasts; what has not ended by then ends in good order."""
    port = find_free_port()
    config = write_config(settings, folder, port)
    process = await asyncio.create_subprocess_exec(PROGRAM, "run", "--config", config, stderr=PIPE)
    program = Program(process, f"http://127.0.0.1:{port}")
    reading = asyncio.create_task(program.read_log())
    try:
        await program.wait_for_log('"listening"')
        yield program
        if process.returncode is None:
            process.terminate()
            async with asyncio.timeout(DEADLINE):
                assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
        await reading
        await process.wait()


async def run_to_its_end(settings: Settings, folder: Path) -> tuple[int | None, str]:
    """Run one that cannot start; return its status and what it says."""
    config = write_config(settings, folder, find_free_port())
    process = await asyncio.create_subprocess_exec(PROGRAM, "run", "--config", config, stderr=PIPE)
    async with asyncio.timeout(DEADLINE):
        _, errors = await process.communicate()
    return process.returncode, errors.decode()


def find_free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def write_config(settings: Settings, folder: Path, port: int) -> str:
    workspace, path = settings.workspace, folder / "config.toml"
    path.write_text(
        f'[workspace]\nurl = "{workspace.url}"\nuser_id = "{workspace.user_id}"\n'
        f'auth_token = "{workspace.auth_token.get_secret_value()}"\n'
        f'[web]\npublic_url = "http://127.0.0.1:{port}"\nport = {port}\n'
        f'[storage]\nurl = "{settings.storage.url}"\n[log]\nformat = "json"\n'
    )
    return str(path)
