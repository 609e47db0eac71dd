"""Small work done on the event loop itself, and what is left to the storage thread."""

import asyncio
import itertools
import sqlite3
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import Connection, text

from bot.errors import StorageError
from bot.storage.database import Database, open_database
from bot.storage.sqlite_fast_path import BareStatement
from tests.support.deadlines import DEADLINE_S


class Notes:
    """How many jobs each transaction had."""

    def __init__(self) -> None:
        self.jobs: list[int] = []

    def take(self, jobs: int, _seconds: float, _has_failed: bool) -> None:
        self.jobs.append(jobs)


@pytest.fixture
def notes() -> Notes:
    return Notes()


@pytest.fixture
async def database(tmp_path: Path, notes: Notes) -> AsyncIterator[Database]:
    async with open_database(f"sqlite:///{tmp_path}/bot.db", notes.take) as opened:
        await opened.write(lambda c: c.exec_driver_sql("CREATE TABLE words (word TEXT UNIQUE)"))
        await wait_for_rest(opened)
        yield opened


Verb = Callable[[Callable[[Connection], int]], Awaitable[int]]


async def wait_for_rest(database: Database) -> None:
    """Wait until the thread rests, which it does a moment after it has told what came out."""
    async with asyncio.timeout(DEADLINE_S):
        while await database.read(say_thread) != threading.get_ident():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0)


def say_thread(_connection: Connection) -> int:
    return threading.get_ident()


def write(connection: Connection, word: str) -> int:
    connection.execute(text("INSERT INTO words VALUES (:word)"), {"word": word})
    return threading.get_ident()


def begin_to_write(database: Database, word: str) -> asyncio.Future[int]:
    return database.write_soon(lambda connection: write(connection, word))


async def count_words(database: Database) -> int:
    query = "SELECT count(*) FROM words"
    return await database.read(lambda c: int(c.exec_driver_sql(query).scalar_one()))


@contextmanager
def another_writing(folder: Path) -> Iterator[None]:
    with closing(sqlite3.connect(folder / "bot.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


async def test_small_work_is_done_on_the_loop_and_all_else_on_the_thread(
    database: Database,
) -> None:
    here = threading.get_ident()
    assert await database.write_soon(say_thread) == here
    assert await database.read(say_thread) == here
    assert await database.write(say_thread) != here


async def test_a_database_in_memory_or_on_a_server_has_no_fast_path(postgres_url: str) -> None:
    for url in ("sqlite://", "sqlite:///:memory:", postgres_url):
        async with open_database(url) as database:
            assert await database.write_soon(say_thread) != threading.get_ident()


async def test_the_first_of_one_turn_is_done_at_once_and_the_others_in_one_transaction(
    database: Database, notes: Notes
) -> None:
    notes.jobs.clear()
    await asyncio.gather(*(begin_to_write(database, f"w{number}") for number in range(20)))
    assert notes.jobs == [1, 19]
    assert await count_words(database) == 20


async def test_work_that_may_wait_shares_the_next_transaction(
    database: Database, notes: Notes
) -> None:
    notes.jobs.clear()
    waiting = database.write_soon(partial(write, word="waiting"), may_wait=True)
    assert await count_words(database) == 0
    assert await begin_to_write(database, "next") == threading.get_ident()
    assert waiting.done()
    assert notes.jobs == [1, 2]
    assert await count_words(database) == 2


async def test_work_that_may_wait_is_done_before_a_query_of_many_rows(database: Database) -> None:
    waiting = database.write_soon(partial(write, word="waiting"), may_wait=True)
    assert len(await database.fetch_all(text("SELECT word FROM words"))) == 1
    await waiting


async def test_work_that_may_wait_is_done_where_nothing_follows(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/bot.db"
    async with open_database(url) as database:
        await database.write(lambda c: c.exec_driver_sql("CREATE TABLE words (word TEXT UNIQUE)"))
        await database.write_soon(partial(write, word="alone"), may_wait=True)
        last = database.write_soon(partial(write, word="last"), may_wait=True)
    await last
    async with open_database(url) as database:
        assert await count_words(database) == 2


async def test_two_statements_are_kept_together_or_not_at_all(
    database: Database, tmp_path: Path
) -> None:
    insert = BareStatement(text("INSERT INTO words VALUES (:word)"))

    def write_twice(connection: Connection) -> None:
        insert.run(connection, {"word": "a"})
        insert.run(connection, {"word": "a"})

    with pytest.raises(StorageError):
        await database.write_soon(write_twice)
    await database.write_soon(insert.bind({"word": "b"}))
    with closing(sqlite3.connect(tmp_path / "bot.db")) as other:
        assert other.execute("SELECT word FROM words").fetchall() == [("b",)]


async def test_the_loop_goes_on_while_another_program_holds_the_lock(
    database: Database, tmp_path: Path
) -> None:
    loop = asyncio.get_running_loop()
    with another_writing(tmp_path):
        began_at, writing = loop.time(), begin_to_write(database, "patient")
        for _ in range(100):
            await asyncio.sleep(0)
        assert not writing.done()
        assert loop.time() - began_at < 5
    assert await writing != threading.get_ident()
    assert await count_words(database) == 1


async def test_a_query_takes_the_fast_path_though_another_program_holds_the_lock(
    database: Database, tmp_path: Path
) -> None:
    with another_writing(tmp_path):
        assert await count_words(database) == 0
        assert await database.read(say_thread) == threading.get_ident()


async def test_one_that_fails_does_not_undo_what_was_begun_with_it(database: Database) -> None:
    writing = [begin_to_write(database, word) for word in ("a", "b", "a", "c")]
    results = await asyncio.gather(*writing, return_exceptions=True)
    assert [isinstance(each, StorageError) for each in results] == [False, False, True, False]
    assert await count_words(database) == 3
    await wait_for_rest(database)
    assert await begin_to_write(database, "d") == threading.get_ident()


async def test_what_is_given_up_before_its_turn_is_not_done(database: Database) -> None:
    words = ("done at once", "dropped", "kept")
    _, dropped, kept = (begin_to_write(database, word) for word in words)
    dropped.cancel()
    await kept
    assert await count_words(database) == 2


@pytest.mark.parametrize("seed", range(5))
async def test_all_work_is_done_once_and_in_order_on_both_paths(
    storage_url: str, seed: int
) -> None:
    chance, begun, done = Random(seed), list[int](), list[int]()  # noqa: S311 - no secret

    async def begin(verb: Verb, number: int) -> int:
        begun.append(number)
        return await verb(partial(note, number))

    def note(number: int, _connection: Connection) -> int:
        done.append(number)
        return number

    async with open_database(storage_url) as database:
        outcomes = list[asyncio.Task[int]]()
        for number in range(600):
            verbs: list[Verb] = [database.read, database.write, database.write_soon]
            (verb,) = chance.choices(verbs, (3, 1, 6))
            outcomes.append(asyncio.create_task(begin(verb, number)))
            if chance.random() < 0.3:
                await asyncio.sleep(0)
            if chance.random() < 0.1:
                await asyncio.wait(outcomes)
        assert await asyncio.gather(*outcomes) == list(range(600))
    assert done == begun == list(range(600))


async def test_the_log_is_copied_into_the_file_without_anybody_waiting_for_it(
    database: Database, tmp_path: Path
) -> None:
    path = tmp_path / "bot.db"
    before = path.stat().st_size
    for number in range(3500):
        assert await begin_to_write(database, f"{number:0100}") == threading.get_ident()
    async with asyncio.timeout(DEADLINE_S):
        while path.stat().st_size == before:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)
    assert await count_words(database) == 3500


async def test_a_log_that_has_grown_long_is_begun_anew(database: Database, tmp_path: Path) -> None:
    words = map(str, itertools.count())

    async def fill(count: int) -> int:
        for _ in range(count):
            await begin_to_write(database, next(words))
        await database.read(say_thread)  # after the last copy
        return (tmp_path / "bot.db-wal").stat().st_size

    # An endless reader keeps the log from being reset, and must not block other work.
    with closing(sqlite3.connect(tmp_path / "bot.db", isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM words").fetchone()
        long = await fill(8000)
        reader.execute("COMMIT")
    assert long > 16_000 * 2048
    # Without that it would be thrice as long.
    assert await fill(16_000) < 2.5 * long


async def test_many_queries_in_a_row_let_others_have_their_turn(database: Database) -> None:
    has_turned = asyncio.Event()
    asyncio.get_running_loop().call_soon(has_turned.set)
    for _ in range(20):
        await count_words(database)
    assert has_turned.is_set()


async def test_a_query_after_a_write_sees_it(database: Database) -> None:
    writing = begin_to_write(database, "one")
    assert await count_words(database) == 1
    await writing
