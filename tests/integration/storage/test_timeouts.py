"""Every wait for the database ends, also where its server hangs."""

import asyncio
import os
import signal
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import psycopg
import pytest
from sqlalchemy import Connection, text

from bot.errors import StorageError
from bot.storage.database import DATABASE_TIMEOUT_S, Database, open_database
from tests.support.deadlines import DEADLINE_S
from tests.support.postgres import open_empty_database, open_server

TIMEOUT_S = 1.0
WORDS = "did not answer within 1 seconds"
LIMIT_S = DATABASE_TIMEOUT_S / 2
BACKEND = text("SELECT pg_backend_pid()")
T = TypeVar("T")


def write(connection: Connection) -> None:
    connection.exec_driver_sql("INSERT INTO notes VALUES ('word')")


def write_later(connection: Connection) -> None:
    connection.exec_driver_sql("INSERT INTO notes VALUES ('later')")


def count_notes(connection: Connection) -> int:
    return int(connection.exec_driver_sql("SELECT count(*) FROM notes").scalar_one())


def count_words(connection: Connection) -> int:
    return int(connection.exec_driver_sql("SELECT count(DISTINCT word) FROM notes").scalar_one())


async def in_the_end(work: Callable[[], Awaitable[T]]) -> T:
    """Return its result, however often a busy machine needs more than the time limit for it."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            with suppress(StorageError):
                return await work()


async def make_notes(database: Database) -> None:
    create = text("CREATE TABLE IF NOT EXISTS notes (word VARCHAR)")
    await in_the_end(lambda: database.execute(create))


async def fetch_backend(database: Database) -> int:
    return int(await in_the_end(lambda: database.fetch_value(BACKEND)))


@pytest.fixture(scope="module")
def server_url() -> Iterator[str]:
    """A server of our own: its processes have to be ours to stop them."""
    with open_server() as server:
        yield server.url


@contextmanager
def stopped(process_id: int) -> Iterator[None]:
    os.kill(process_id, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process_id, signal.SIGCONT)


async def test_a_server_process_that_hangs_is_given_up_and_another_one_is_used(
    server_url: str,
) -> None:
    with open_empty_database(server_url) as url:
        async with open_database(url, timeout_s=TIMEOUT_S) as database, asyncio.timeout(LIMIT_S):
            await make_notes(database)
            hanging = await fetch_backend(database)
            with stopped(hanging):
                results = await asyncio.gather(
                    database.read(count_notes),
                    database.write(write),
                    database.write_soon(write),
                    return_exceptions=True,
                )
                assert WORDS in str(results[0])
                assert all(isinstance(each, StorageError) for each in results)
                assert await fetch_backend(database) != hanging
                # Work that was given up may have been done all the same, but no more than once.
                notes_before = await in_the_end(lambda: database.read(count_notes))
                assert notes_before <= 2
                words_before = min(notes_before, 1)
                await in_the_end(lambda: database.write(write_later))
                assert await in_the_end(lambda: database.read(count_words)) == words_before + 1


@pytest.mark.parametrize("timeout_s", [TIMEOUT_S, DATABASE_TIMEOUT_S])
async def test_closing_does_not_wait_for_a_server_process_that_hangs(
    server_url: str, timeout_s: float
) -> None:
    with open_empty_database(server_url) as url:
        async with AsyncExitStack() as opened:
            database = await opened.enter_async_context(open_database(url, timeout_s=timeout_s))
            hanging = await fetch_backend(database)
            with stopped(hanging):
                writing = asyncio.ensure_future(database.write_soon(lambda c: c.execute(BACKEND)))
                async with asyncio.timeout(LIMIT_S):
                    await opened.aclose()
                    (result,) = await asyncio.gather(writing, return_exceptions=True)
                # Otherwise it may be repeated on another connection.
                assert timeout_s > TIMEOUT_S or WORDS in str(result)


async def test_a_lock_of_another_program_is_waited_for_no_longer_than_that(
    postgres_url: str,
) -> None:
    async with open_database(postgres_url, timeout_s=TIMEOUT_S) as database:
        await make_notes(database)
        with psycopg.connect(postgres_url) as other:
            other.execute("LOCK TABLE notes")
            async with asyncio.timeout(LIMIT_S):
                with pytest.raises(StorageError, match=WORDS):
                    await database.write(write)
        assert await in_the_end(lambda: database.read(count_notes)) == 0


async def test_work_that_waits_behind_work_that_hangs_is_given_up_and_not_done(
    tmp_path: Path,
) -> None:
    go_on = threading.Event()
    async with open_database(f"sqlite:///{tmp_path}/bot.db", timeout_s=TIMEOUT_S) as database:
        await make_notes(database)
        hanging = asyncio.create_task(database.write(lambda _: go_on.wait(LIMIT_S)))
        await asyncio.sleep(0)
        with pytest.raises(StorageError, match=WORDS):
            await database.write(write)
        go_on.set()
        await asyncio.wait([hanging])
        assert await in_the_end(lambda: database.read(count_notes)) == 0
