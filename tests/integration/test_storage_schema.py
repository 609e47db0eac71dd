import asyncio
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, inspect

from bot.errors import StorageError
from bot.storage.database import Database, open_database
from bot.storage.engine import make_engine
from bot.storage.schema import migrate
from bot.storage.tables import metadata


def read_tables(connection: Connection) -> set[str]:
    return set(inspect(connection).get_table_names())


def find_differences(connection: Connection) -> list[object]:
    return list(compare_metadata(MigrationContext.configure(connection), metadata))


async def test_the_tables_are_made_from_nothing(tmp_path: Path) -> None:
    async with open_database(f"sqlite:///{tmp_path}/bot.db") as database:
        assert await database.run(read_tables) == {*metadata.tables, "alembic_version"}


async def test_the_migrations_make_what_the_program_expects(tmp_path: Path) -> None:
    async with open_database(f"sqlite:///{tmp_path}/bot.db") as database:
        assert await database.run(find_differences) == []


async def test_opening_again_changes_nothing(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/bot.db"
    async with open_database(url) as database:
        before = await database.run(read_schema)
    async with open_database(url) as database:
        assert await database.run(read_schema) == before


def read_schema(connection: Connection) -> list[tuple[object, ...]]:
    rows = connection.exec_driver_sql("SELECT name, sql FROM sqlite_schema ORDER BY name")
    version = connection.exec_driver_sql("SELECT version_num FROM alembic_version")
    return [tuple(row) for row in (*rows, *version)]


async def test_a_migration_that_is_broken_off_leaves_nothing(tmp_path: Path) -> None:
    database = Database(make_engine(f"sqlite:///{tmp_path}/bot.db"))

    def break_off(connection: Connection) -> None:
        migrate(connection)
        raise InterruptedError

    try:
        with pytest.raises(InterruptedError):
            await database.run(break_off)
        assert await database.run(read_tables) == set()
    finally:
        await database.close()


async def test_a_database_of_a_newer_program_is_refused(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/bot.db"
    async with open_database(url) as database:
        await database.run(
            lambda c: c.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
        )
    with pytest.raises(StorageError, match=r"newer version of this program \(schema 9999\)"):
        async with open_database(url):
            pytest.fail("it was opened")


async def test_many_can_open_a_new_database_at_once(tmp_path: Path) -> None:
    async def open_once() -> set[str]:
        async with open_database(f"sqlite:///{tmp_path}/bot.db") as database:
            return await database.run(read_tables)

    results = await asyncio.gather(*(open_once() for _ in range(8)))
    assert all(tables == results[0] for tables in results)
