"""Copies of a database file: while somebody writes, and in the place of another."""

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.errors import StorageError
from bot.storage.database import Database, open_database
from bot.storage.sqlite_copy import make_copy, publish, replace_database
from tests.support.stored import add_accounts

NOW = datetime(2026, 11, 29, 16, 30, 5, tzinfo=UTC)
SIDES = ("-wal", "-shm")
KEPT = "bot.db.replaced-20261129-163005"
# Writes and ends without closing, so that all of it is in the log.
DIE = """
import os, sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("UPDATE accounts SET username = 'in the log'")
os._exit(0)
"""
# Has it open, and does nothing with it, as a bot to which nobody talks.
HOLD = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1])
database.execute("SELECT count(*) FROM accounts").fetchall()
print("open", flush=True)
sys.stdin.read()
"""


def copy(source: Path, target: Path) -> int:
    """Copy as a backup does; return how many accounts there are."""
    with make_copy(source, target) as made:
        publish(made, target)
    return made.accounts


def replace(source: Path, target: Path) -> Path | None:
    with make_copy(source, target) as made:
        return replace_database(made, target, NOW)


async def make_database(file: Path, *user_ids: str) -> Path:
    async with open_database(f"sqlite:///{file}") as database:
        await add_accounts(database, *user_ids)
    return file


def read(file: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(file)) as database:
        return database.execute(query).fetchall()


def write_and_die(file: Path) -> None:
    subprocess.run([sys.executable, "-c", DIE, file], check=True)  # noqa: S603 - our own script


@contextmanager
def open_elsewhere(file: Path) -> Iterator[None]:
    """Have it open in another process, because locks are each process's own; end that by force."""
    with subprocess.Popen(  # noqa: S603 - our own script
        [sys.executable, "-c", HOLD, file], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"open\n"
        yield
        other.kill()


def list_names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def write_on(database: Database, stop: asyncio.Event) -> int:
    number = 0
    while not stop.is_set():
        number += 1
        await add_accounts(database, f"u{number}")
    return number


async def test_a_copy_is_whole_while_somebody_writes(tmp_path: Path) -> None:
    source, stop = tmp_path / "bot.db", asyncio.Event()
    async with open_database(f"sqlite:///{source}") as database:
        await add_accounts(database, "first")
        writing = asyncio.create_task(write_on(database, stop))
        counts = [await asyncio.to_thread(copy, source, tmp_path / f"{n}.db") for n in range(5)]
        stop.set()
        written = await writing
    assert 1 <= counts[0] < counts[-1] <= written + 1
    saved = tmp_path / "4.db"
    assert read(saved, "SELECT count(*) FROM accounts") == [(counts[-1],)]
    assert saved.stat().st_mode & 0o777 == 0o600
    # What opens it finds all in the one file.
    assert [name for name in list_names(tmp_path) if name.startswith(("4.db", "."))] == ["4.db"]


async def test_the_old_database_is_kept_with_what_is_only_in_its_log(tmp_path: Path) -> None:
    saved = await make_database(tmp_path / "saved.db", "alice", "bob")
    folder = tmp_path / "place"
    folder.mkdir()
    file = await make_database(folder / "bot.db", "carol")
    write_and_die(file)
    assert replace(saved, file) == folder / KEPT
    assert list_names(folder) == ["bot.db", KEPT, f"{KEPT}-wal"]
    assert read(file, "SELECT user_id FROM accounts ORDER BY 1") == [("alice",), ("bob",)]
    assert read(folder / KEPT, "SELECT username FROM accounts") == [("in the log",)]


async def test_a_log_without_its_database_does_not_get_into_the_new_one(tmp_path: Path) -> None:
    saved = await make_database(tmp_path / "saved.db", "alice")
    folder = tmp_path / "place"
    folder.mkdir()
    file = await make_database(folder / "bot.db", "carol")
    write_and_die(file)
    file.unlink()
    assert replace(saved, file) is None
    assert list_names(folder) == ["bot.db"]
    assert read(file, "SELECT user_id FROM accounts") == [("alice",)]


def make_text(file: Path) -> None:
    file.write_text("This is a long letter and no database at all." * 100)


def make_other(file: Path) -> None:
    with closing(sqlite3.connect(file)) as database:
        database.execute("CREATE TABLE accounts (name VARCHAR)")


def cut_short(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-5000])


def damage(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[4096:8192] = b"\xff" * 4096
    file.write_bytes(content)


def change_revision(file: Path) -> None:
    with closing(sqlite3.connect(file)) as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
        database.commit()


BAD: dict[str, tuple[Callable[[Path], object], str]] = {
    "absent": (Path.unlink, "does not exist"),
    "empty": (lambda file: file.write_bytes(b""), "is no database of this program"),
    "a text": (make_text, "the file is no database or is damaged"),
    "another program's": (make_other, "is no database of this program"),
    "cut short": (cut_short, "damaged"),
    "damaged": (damage, "damaged"),
    "a newer program's": (change_revision, "newer version of this program"),
}


@pytest.mark.parametrize("kind", BAD)
async def test_what_cannot_be_used_takes_no_place(tmp_path: Path, kind: str) -> None:
    spoil, problem = BAD[kind]
    saved, folder = tmp_path / "saved.db", tmp_path / "place"
    folder.mkdir()
    file = await make_database(folder / "bot.db", "carol")
    if kind not in {"empty", "a text", "another program's"}:
        await make_database(saved, *(f"u{number}" for number in range(50)))
    else:
        saved.touch()
    spoil(saved)
    before = file.read_bytes()
    with pytest.raises(StorageError, match=problem):
        replace(saved, file)
    assert list_names(folder) == ["bot.db"]
    assert file.read_bytes() == before


async def test_a_database_that_is_open_elsewhere_is_not_replaced(tmp_path: Path) -> None:
    saved = await make_database(tmp_path / "saved.db", "alice")
    file = await make_database(tmp_path / "bot.db", "carol")
    with open_elsewhere(file):
        with pytest.raises(StorageError, match="open in another program, most likely the bot"):
            replace(saved, file)
        assert not [name for name in list_names(tmp_path) if "replaced" in name]
    assert replace(saved, file) == tmp_path / KEPT
    assert read(file, "SELECT user_id FROM accounts") == [("alice",)]


def cut_off(saved: Path, file: Path, folder: Path) -> int:
    """Replace the database again and again, cut off ever later; return how often."""
    script = Path(__file__).with_name("cut_off_restore.py")
    done = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, script, saved, file, folder], check=True, capture_output=True, text=True
    )
    return int(done.stdout)


async def test_wherever_a_restore_is_cut_off_nothing_is_lost(tmp_path: Path) -> None:
    saved = await make_database(tmp_path / "saved.db", "alice")
    file = await make_database(tmp_path / "bot.db", "carol")
    write_and_die(file)
    folder = tmp_path / "cuts"
    folder.mkdir()
    number = cut_off(saved, file, folder)
    assert number > 10
    users = set()
    for place in folder.iterdir():
        # The log of the old one would be read into the new one.
        is_new = b"alice" in (place / "bot.db").read_bytes()
        assert not (is_new and (place / "bot.db-wal").exists()), place.name
        # The first is in the place of the database, the second is what it was, where it is kept.
        names = sorted(each.name for each in place.glob("bot.db*") if each.name[-4:] not in SIDES)
        found = [read(place / name, "SELECT user_id, username FROM accounts") for name in names]
        assert [("carol", "in the log")] in found, (place.name, names, found)
        users |= {user for ((user, _),) in found[:1]}
    assert users == {"alice", "carol"}
