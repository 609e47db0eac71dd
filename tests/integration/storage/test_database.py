import asyncio
import os
import threading
import traceback
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import Column, Connection, Integer, MetaData, String, Table, insert, select, update

from bot.errors import StorageError, UsageError
from bot.storage.database import Database, open_database
from tests.support.deadlines import DEADLINE_S

notes = Table(
    "notes",
    MetaData(),
    Column("number", Integer, primary_key=True),
    Column("word", String, unique=True),
)


@pytest.fixture
async def database(storage_url: str) -> AsyncIterator[Database]:
    async with open_database(storage_url) as opened:
        await opened.write(notes.create)
        yield opened


def write(connection: Connection, word: str) -> str:
    connection.execute(insert(notes).values(word=word))
    return word


def read(connection: Connection) -> list[str]:
    return list(connection.execute(select(notes.c.word).order_by(notes.c.number)).scalars())


def ask(connection: Connection, pragma: str) -> object:
    return connection.exec_driver_sql(f"PRAGMA {pragma}").scalar_one()


async def test_sqlite_is_opened_for_durable_concurrent_use(tmp_path: Path) -> None:
    async with open_database(f"sqlite:///{tmp_path}/bot.db") as database:
        assert await database.write(lambda c: ask(c, "journal_mode")) == "wal"
        assert await database.write(lambda c: ask(c, "foreign_keys")) == 1
        assert await database.write(lambda c: ask(c, "synchronous")) == 2
        assert await database.write(lambda c: ask(c, "busy_timeout")) == 10_000


async def test_the_files_are_private_whatever_the_umask(tmp_path: Path) -> None:
    umask = os.umask(0)
    try:
        async with open_database(f"sqlite:///{tmp_path}/bot.db"):
            modes = read_modes(tmp_path)
    finally:
        os.umask(umask)
    assert modes == {"bot.db": 0o600, "bot.db-wal": 0o600, "bot.db-shm": 0o600}


def read_modes(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}


async def test_work_is_done_in_order_on_one_thread_of_its_own(database: Database) -> None:
    names = [f"w{number}" for number in range(50)]
    await asyncio.gather(*(database.write(partial(write, word=name)) for name in names))
    assert await database.read(read) == names
    threads = {await database.write(lambda _: threading.get_ident()) for _ in range(3)}
    assert len(threads) == 1
    assert threading.get_ident() not in threads


async def test_work_that_fails_leaves_nothing_behind(database: Database) -> None:
    def fail(connection: Connection) -> None:
        write(connection, "half")
        raise UsageError("Not like this.")

    with pytest.raises(UsageError):
        await database.write(fail)
    assert await database.read(read) == []


async def test_an_error_of_the_database_becomes_ours(database: Database) -> None:
    await database.write(lambda c: write(c, "once"))
    with pytest.raises(StorageError, match=r"UNIQUE constraint failed|violates unique constraint"):
        await database.write(lambda c: write(c, "once"))


async def test_an_error_does_not_show_what_was_to_be_written(database: Database) -> None:
    secret = uuid4().hex
    await database.write(lambda c: write(c, secret))
    with pytest.raises(StorageError) as caught:
        await database.write(lambda c: write(c, secret))
    assert secret not in "".join(traceback.format_exception(caught.value))


def add_one(connection: Connection) -> None:
    number = connection.execute(select(notes.c.number)).scalar_one()
    connection.execute(update(notes).values(number=number + 1))


async def test_work_that_reads_and_then_writes_has_the_database_for_itself(
    database: Database, storage_url: str
) -> None:
    await database.write(lambda c: c.execute(insert(notes).values(number=0)))
    async with open_database(storage_url) as second, open_database(storage_url) as third:
        everybody = (database, second, third)
        await asyncio.gather(*(everybody[n % 3].write(add_one) for n in range(90)))
    assert await database.write(lambda c: c.execute(select(notes.c.number)).scalar_one()) == 90


class Gate:
    """Keeps the storage thread busy so that what comes next has to wait."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._open = threading.Event()
        self._reached = threading.Event()

    def _hold(self, _connection: Connection) -> None:
        self._reached.set()
        assert self._open.wait(timeout=DEADLINE_S)

    async def shut(self) -> asyncio.Task[None]:
        task = asyncio.create_task(self._database.write(self._hold))
        assert await asyncio.to_thread(self._reached.wait, DEADLINE_S)
        return task

    def open(self) -> None:
        self._open.set()


async def start_all(*tasks: asyncio.Task[int]) -> None:
    """Let the tasks run as far as they get: to the queue of the storage thread."""
    await asyncio.sleep(0)
    assert not any(task.done() for task in tasks)


def submit(database: Database, word: str) -> asyncio.Task[int]:
    return asyncio.create_task(database.execute(insert(notes).values(word=word)))


async def test_small_work_that_waits_is_committed_together(database: Database) -> None:
    gate = Gate(database)
    held = await gate.shut()
    seen: list[int] = []

    def note(connection: Connection) -> None:
        seen.append(id(connection.get_transaction()))

    tasks = [database.write_soon(note) for _ in range(20)]
    alone = asyncio.create_task(database.write(note))
    await asyncio.sleep(0)
    gate.open()
    await asyncio.gather(held, alone, *tasks)
    assert len(seen) == 21
    assert len(set(seen[:20])) == 1


async def test_one_that_fails_in_a_group_does_not_undo_the_others(database: Database) -> None:
    gate = Gate(database)
    held = await gate.shut()
    tasks = [submit(database, word) for word in ("a", "b", "a", "c")]
    await start_all(*tasks)
    gate.open()
    results = await asyncio.gather(held, *tasks, return_exceptions=True)
    assert [isinstance(each, StorageError) for each in results] == [False] * 3 + [True, False]
    assert await database.read(read) == ["a", "b", "c"]


async def test_work_given_up_while_it_waits_is_not_done(database: Database) -> None:
    gate = Gate(database)
    held = await gate.shut()
    kept, dropped = submit(database, "kept"), submit(database, "dropped")
    await start_all(kept, dropped)
    dropped.cancel()
    await asyncio.wait([dropped])
    gate.open()
    await asyncio.gather(held, kept)
    assert await database.read(read) == ["kept"]


async def test_work_given_up_while_it_runs_is_finished_whole(database: Database) -> None:
    reached, go_on = threading.Event(), threading.Event()

    def write_slowly(connection: Connection) -> None:
        write(connection, "first")
        reached.set()
        assert go_on.wait(timeout=DEADLINE_S)
        write(connection, "second")

    task = asyncio.create_task(database.write(write_slowly))
    assert await asyncio.to_thread(reached.wait, DEADLINE_S)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    go_on.set()
    assert await database.read(read) == ["first", "second"]


async def test_closing_finishes_what_waits(storage_url: str) -> None:
    async with open_database(storage_url) as database:
        await database.write(notes.create)
        gate = Gate(database)
        held = await gate.shut()
        tasks = [submit(database, f"w{number}") for number in range(5)]
        await start_all(*tasks)
        gate.open()
    await asyncio.gather(held, *tasks)
    async with open_database(storage_url) as database:
        assert await database.read(read) == ["w0", "w1", "w2", "w3", "w4"]


async def test_a_closed_database_says_so(storage_url: str) -> None:
    async with open_database(storage_url) as database:
        pass
    with pytest.raises(StorageError, match="closed"):
        await database.read(read)


async def test_a_database_in_memory_works_too() -> None:
    async with open_database("sqlite://") as database:
        await database.write(notes.create)
        await database.write(lambda c: write(c, "word"))
        assert await database.read(read) == ["word"]
