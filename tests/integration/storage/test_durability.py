"""What waits for the disk, what does not, and in which order all of it is visible."""

import asyncio
import gc
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text

from bot.errors import StorageError
from bot.features.accounts.audit import AuditAction, AuditTrail, load_records
from bot.features.sessions.sessions import DeviceNames
from bot.storage.database import Database, open_database
from tests.support.deadlines import DEADLINE_S
from tests.support.stored import add_accounts

FULL, NORMAL = 2, 1
NOW = datetime(2026, 11, 23, tzinfo=UTC)
STATEMENT = text("DELETE FROM device_names")


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with open_database(f"sqlite:///{tmp_path}/bot.db") as opened:
        yield opened


def read_synchronous(connection: Connection) -> object:
    return connection.exec_driver_sql("PRAGMA synchronous").scalar_one()


def read_synchronous_commit(connection: Connection) -> object:
    return connection.exec_driver_sql("SHOW synchronous_commit").scalar_one()


async def test_only_what_must_outlast_a_power_cut_waits_for_the_disk(database: Database) -> None:
    for _ in range(2):
        assert await database.write_soon(read_synchronous) == NORMAL
        assert await database.write(read_synchronous) == FULL


async def test_durable_work_makes_all_durable_that_is_committed_with_it(
    database: Database,
) -> None:
    assert await write_together(database, read_synchronous) == FULL


async def write_together(database: Database, work: Callable[[Connection], object]) -> object:
    """Begin a durable statement and this work in one turn of the event loop."""
    durable = asyncio.create_task(database.execute(STATEMENT))
    await asyncio.sleep(0)
    result = await database.write_soon(work)
    await durable
    return result


async def test_the_same_on_postgresql(postgres_url: str) -> None:
    async with open_database(postgres_url) as database:
        assert await database.write_soon(read_synchronous_commit) == "off"
        assert await database.write(read_synchronous_commit) == "on"
        assert await write_together(database, read_synchronous_commit) == "on"
        assert await database.write_soon(read_synchronous_commit) == "off"


async def test_a_query_reads_while_another_program_writes(
    database: Database, tmp_path: Path
) -> None:
    names = DeviceNames(database)
    await add_accounts(database, "ann")
    await names.save("ann", "key", "kitchen tablet")
    with closing(sqlite3.connect(tmp_path / "bot.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert await names.load("ann") == {"key": "kitchen tablet"}


async def test_a_query_sees_what_was_written_before_it(storage_url: str) -> None:
    async with open_database(storage_url) as database:
        names = DeviceNames(database)
        await add_accounts(database, "ann")
        for word in ("one", "two", "three"):
            writing = asyncio.create_task(names.save("ann", "key", word))
            await asyncio.sleep(0)
            assert await names.load("ann") == {"key": word}
            await writing


async def test_a_use_is_in_the_trail_before_anything_that_is_written_later(
    database: Database,
) -> None:
    await add_accounts(database, "ann")
    await AuditTrail(database, lambda: NOW).note("ann", AuditAction.USED)
    count = text("SELECT count(*) FROM audit")
    assert await database.write_soon(lambda each: each.execute(count).scalar_one()) == 1


async def test_what_nobody_waits_for_is_kept_though_the_end_comes_after_it(
    storage_url: str,
) -> None:
    async with open_database(storage_url) as database:
        await add_accounts(database, "ann")
        await AuditTrail(database, lambda: NOW).note("ann", AuditAction.USED)
    async with open_database(storage_url) as database:
        assert len(await load_records(database, "ann")) == 1


async def test_an_error_that_nobody_waits_for_is_logged(database: Database) -> None:
    loop, logged = asyncio.get_running_loop(), list[dict[str, Any]]()
    loop.set_exception_handler(lambda _loop, context: logged.append(context))
    missing = database.write_soon(lambda c: c.exec_driver_sql("DELETE FROM nowhere"))
    await asyncio.wait([missing])
    del missing
    async with asyncio.timeout(DEADLINE_S):
        while not logged:  # the storage thread drops its reference a moment later
            gc.collect()
            await asyncio.sleep(0)
    assert isinstance(logged[0]["exception"], StorageError)
