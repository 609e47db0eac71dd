"""What the database is spared: waiting for the disk, transactions for mere queries, extra trips."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Connection

from bot.features.accounts.audit import Audit, AuditAction
from bot.features.accounts.audit_store import AuditTrail
from bot.features.sessions.store import DeviceNames
from bot.storage.database import Database, open_database

FULL, NORMAL = 2, 1


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with open_database(f"sqlite:///{tmp_path}/bot.db") as opened:
        yield opened


def ask_for_safety(connection: Connection) -> object:
    return connection.exec_driver_sql("PRAGMA synchronous").scalar_one()


async def test_only_what_must_outlast_a_power_cut_waits_for_the_disk(database: Database) -> None:
    for is_lasting, safety in ((False, NORMAL), (True, FULL), (False, NORMAL)):
        found = await database.run(ask_for_safety, is_groupable=True, is_lasting=is_lasting)
        assert found == safety
    assert await database.run(ask_for_safety) == FULL


async def test_what_must_last_makes_all_that_is_committed_with_it_last(database: Database) -> None:
    together = [
        database.begin(ask_for_safety, is_groupable=True, is_lasting=False),
        database.begin(ask_for_safety, is_groupable=True),
        database.begin(ask_for_safety, is_groupable=True, is_lasting=False),
    ]
    assert FULL in await asyncio.gather(*together)


async def test_the_same_on_postgresql(postgres_url: str) -> None:
    def show(connection: Connection) -> object:
        return connection.exec_driver_sql("SHOW synchronous_commit").scalar_one()

    async with open_database(postgres_url) as database:
        assert await database.run(show, is_groupable=True, is_lasting=False) == "off"
        assert await database.run(show, is_groupable=True) == "on"
        assert await database.run(show, is_lasting=False) == "off"
        assert await database.run(show) == "on"


async def test_a_query_reads_while_another_program_writes(
    database: Database, tmp_path: Path
) -> None:
    names = DeviceNames(database)
    await names.save("ann", "key", "kitchen tablet")
    with closing(sqlite3.connect(tmp_path / "bot.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert await names.load("ann") == {"key": "kitchen tablet"}


async def test_a_query_sees_what_was_written_before_it(storage_url: str) -> None:
    async with open_database(storage_url) as database:
        names = DeviceNames(database)
        for word in ("one", "two", "three"):
            writing = asyncio.create_task(names.save("ann", "key", word))
            await asyncio.sleep(0)
            assert await names.load("ann") == {"key": word}
            await writing


async def test_a_use_is_in_the_trail_before_anything_that_is_written_later(
    database: Database,
) -> None:
    trail = AuditTrail(database)
    await Audit(trail, lambda: datetime(2026, 11, 23, tzinfo=UTC)).note("ann", AuditAction.USED)
    seen = await database.run(
        lambda connection: connection.exec_driver_sql("SELECT count(*) FROM audit").scalar_one()
    )
    assert seen == 1


async def test_what_is_not_urgent_is_done_even_if_nothing_comes_after_it(
    database: Database,
) -> None:
    async with asyncio.timeout(10):
        for _ in range(2):
            await database.run(ask_for_safety, is_groupable=True, is_urgent=False)


async def test_what_is_not_urgent_is_kept_even_if_the_end_comes_after_it(storage_url: str) -> None:
    async with open_database(storage_url) as database:
        await Audit(AuditTrail(database), lambda: datetime(2026, 11, 23, tzinfo=UTC)).note(
            "ann", AuditAction.USED
        )
    async with open_database(storage_url) as database:
        assert await AuditTrail(database).count("ann") == 1
