import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from bot.errors import ConfigError, StorageError
from bot.storage.database import Database, open_database
from bot.storage.engine import make_engine
from bot.storage.inbox import ClaimStatus, Inbox, InboxEntry
from tests.support.stored import is_finished

FILL = text("INSERT INTO notes VALUES (:word)")
BIG = "x" * 100_000
NOTHING = text("UPDATE sqlite_sequence SET seq = seq WHERE FALSE")
NOW = datetime(2026, 11, 23, 20, 0, tzinfo=UTC)

WORKER = """
import asyncio, sys
from datetime import UTC, datetime, timedelta
from itertools import count
from bot.storage.database import open_database
from bot.storage.inbox import Inbox, InboxEntry

async def answer(inbox, name):
    now = datetime.now(UTC)
    entry = InboxEntry(name, "room", "ann", now)
    await inbox.claim(entry, now=now, by="worker", until=now + timedelta(minutes=1))
    await inbox.finish(name, now)
    print(name, flush=True)

async def main():
    async with open_database(sys.argv[1]) as database:
        inbox = Inbox(database)
        for number in count():
            await asyncio.gather(*(answer(inbox, f"m{number}-{part}") for part in range(7)))

asyncio.run(main())
"""


async def expect_failure(url: str, words: str) -> None:
    with pytest.raises(StorageError, match=words):
        async with open_database(url):
            pytest.fail("it was opened")


async def test_a_full_disk_is_named_and_survived(tmp_path: Path) -> None:
    async with open_database(f"sqlite:///{tmp_path}/bot.db") as database:
        await database.write(lambda c: c.exec_driver_sql("CREATE TABLE notes (word VARCHAR)"))
        pages = await database.write(lambda c: c.exec_driver_sql("PRAGMA page_count").scalar_one())
        await database.write(lambda c: c.exec_driver_sql(f"PRAGMA max_page_count = {pages + 1}"))
        with pytest.raises(StorageError, match="disk is full; make room"):
            await database.write(fill)
        assert await database.read(count_notes) == 0


async def test_a_full_disk_fails_every_one_of_a_group(tmp_path: Path) -> None:
    async with open_database(f"sqlite:///{tmp_path}/bot.db") as database:
        await database.write(lambda c: c.exec_driver_sql("CREATE TABLE notes (word VARCHAR)"))
        await database.write(lambda c: c.exec_driver_sql("PRAGMA max_page_count = 1"))
        results = await asyncio.gather(
            *(database.execute(FILL, {"word": BIG}) for _ in range(4)), return_exceptions=True
        )
        assert all(isinstance(result, StorageError) for result in results)
        assert await database.read(count_notes) == 0


def fill(connection: Connection) -> None:
    connection.execute(FILL, {"word": BIG})


def count_notes(connection: Connection) -> int:
    return int(connection.exec_driver_sql("SELECT count(*) FROM notes").scalar_one())


async def test_what_was_written_into_a_file_that_is_taken_away_does_not_count(
    tmp_path: Path,
) -> None:
    path, away = tmp_path / "bot.db", tmp_path / "away"

    def write(connection: Connection) -> None:
        connection.execute(FILL, {"word": "lost"})
        path.rename(away)

    async with open_database(f"sqlite:///{path}") as database:
        await database.execute(text("CREATE TABLE notes (word VARCHAR)"))
        with pytest.raises(StorageError, match="deleted or replaced"):
            await database.write(write)
        away.rename(path)


async def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    await expect_failure(f"sqlite:///{tmp_path}/no/bot.db", "folder does not exist; make it")


async def test_a_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    await expect_failure(f"sqlite:///{tmp_path}/file/bot.db", "folder does not exist; make it")


async def test_a_folder_in_the_place_of_the_file_is_named(tmp_path: Path) -> None:
    await expect_failure(f"sqlite:///{tmp_path}", "cannot be opened")


async def test_a_folder_that_is_read_only_is_named(read_only_folder: Path) -> None:
    await expect_failure(f"sqlite:///{read_only_folder}/bot.db", "may not write in the folder")


@pytest.fixture
def read_only_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o555)
        with unprivileged():
            yield folder
        folder.chmod(0o700)


@contextmanager
def unprivileged() -> Iterator[None]:
    """Be nobody for a while where the tests run as root, who may write anywhere."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


async def test_a_database_that_is_read_only_is_named(tmp_path: Path) -> None:
    async with open_database(f"sqlite:///{tmp_path}/bot.db"):
        pass
    await expect_failure(f"sqlite:///file:{tmp_path}/bot.db?mode=ro&uri=true", "it is read-only")


async def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "bot.db").write_bytes(b"This is a letter, not a database. " * 200)
    await expect_failure(f"sqlite:///{tmp_path}/bot.db", "no database or is damaged; restore")


async def test_a_damaged_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "bot.db"
    async with open_database(f"sqlite:///{path}"):
        pass
    whole = path.read_bytes()
    path.write_bytes(whole[:100] + b"\xff" * (len(whole) - 100))
    await expect_failure(f"sqlite:///{path}", "damaged; restore a backup")


async def test_a_database_locked_by_another_program_is_named(tmp_path: Path) -> None:
    path = tmp_path / "bot.db"
    engine = make_engine(f"sqlite:///{path}?timeout=0.1")
    other = sqlite3.connect(path, isolation_level=None)
    database = Database(engine)
    try:
        await database.write(lambda _: None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageError, match="locked by another program"):
            await database.write(lambda _: None)
    finally:
        other.close()
        await database.close()


async def test_those_who_wait_for_a_lock_together_give_up_together(tmp_path: Path) -> None:
    path = tmp_path / "bot.db"
    database = Database(make_engine(f"sqlite:///{path}?timeout=0.5"))
    other = sqlite3.connect(path, isolation_level=None)
    try:
        await database.write(lambda _: None)
        other.execute("BEGIN IMMEDIATE")
        # One after the other they would take ten seconds.
        async with asyncio.timeout(5):
            alone = [database.write(lambda _: None) for _ in range(10)]
            together = [database.execute(NOTHING) for _ in range(10)]
            results = await asyncio.gather(*alone, *together, return_exceptions=True)
        assert all("locked by another program" in str(result) for result in results)
        other.execute("ROLLBACK")
        await database.write(lambda _: None)
    finally:
        other.close()
        await database.close()


@pytest.mark.parametrize(
    "url",
    [
        *("", "bot.db", "sqlite://bot.db", "oracel://x", "sqlite+aiosqlite:///bot.db"),
        *("postgres://host/db", "postgresql://host:port/db", "postgresql+asyncpg://host/db"),
    ],
)
async def test_an_address_that_is_none_is_a_configuration_error(url: str) -> None:
    with pytest.raises(ConfigError, match=r"\[storage\] url"):
        async with open_database(url):
            pytest.fail("it was opened")


@pytest.mark.parametrize("lines", [40, 77, 114])
async def test_a_process_that_is_killed_loses_nothing_it_said_it_had_done(
    lines: int, storage_url: str
) -> None:
    done = await asyncio.to_thread(work_and_kill, storage_url, lines)
    async with open_database(storage_url) as database:
        inbox = Inbox(database)
        assert all([await is_finished(database, name) for name in done])
        entry = InboxEntry("after", "room", "ann", NOW)
        status = await inbox.claim(entry, now=NOW, by="me", until=NOW + timedelta(minutes=1))
        assert status is not ClaimStatus.LOST
        if storage_url.startswith("sqlite"):
            assert await database.read(check_integrity) == "ok"


def check_integrity(connection: Connection) -> str:
    return str(connection.exec_driver_sql("PRAGMA integrity_check").scalar_one())


def work_and_kill(url: str, lines: int) -> list[str]:
    with subprocess.Popen(  # noqa: S603 - our own interpreter and script
        [sys.executable, "-c", WORKER, url], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        done = [process.stdout.readline().strip() for _ in range(lines)]
        process.send_signal(signal.SIGKILL)
        return [*done, *(line.strip() for line in process.stdout if line.endswith("\n"))]
