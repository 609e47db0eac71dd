import asyncio

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect

from bot.errors import StorageError
from bot.storage.database import Database, open_database
from bot.storage.engine import make_engine
from bot.storage.schema import find_revisions, migrate
from bot.storage.tables import metadata
from tests.support.partial_indexes import PARTIAL_INDEXES


def read_tables(connection: Connection) -> set[str]:
    return set(inspect(connection).get_table_names())


def find_differences(connection: Connection) -> list[object]:
    assert PARTIAL_INDEXES, "without them they would be differences"
    return list(compare_metadata(MigrationContext.configure(connection), metadata))


async def test_the_tables_are_made_from_nothing(storage_url: str) -> None:
    async with open_database(storage_url) as database:
        assert await database.read(read_tables) == {*metadata.tables, "alembic_version"}


async def test_the_migrations_make_what_the_program_expects(storage_url: str) -> None:
    async with open_database(storage_url) as database:
        assert await database.read(find_differences) == []


async def test_opening_again_changes_nothing(storage_url: str) -> None:
    async with open_database(storage_url) as database:
        before = await database.read(read_schema)
    async with open_database(storage_url) as database:
        assert await database.read(read_schema) == before


def read_schema(connection: Connection) -> list[object]:
    inspector = inspect(connection)
    version = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one()
    columns = [inspector.get_columns(name) for name in sorted(inspector.get_table_names())]
    return [version, *([(each["name"], str(each["type"])) for each in table] for table in columns)]


async def test_a_migration_that_is_broken_off_leaves_nothing(storage_url: str) -> None:
    database = Database(make_engine(storage_url))

    def break_off(connection: Connection) -> None:
        migrate(connection)
        raise InterruptedError

    try:
        with pytest.raises(InterruptedError):
            await database.write(break_off)
        assert await database.read(read_tables) == set()
    finally:
        await database.close()


async def test_a_database_of_a_newer_program_is_refused(storage_url: str) -> None:
    async with open_database(storage_url) as database:
        await database.write(
            lambda c: c.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
        )
    with pytest.raises(StorageError, match=r"newer version of this program \(schema 9999\)"):
        async with open_database(storage_url):
            pytest.fail("it was opened")


async def test_many_can_open_a_new_database_at_once(storage_url: str) -> None:
    async def open_once() -> set[str]:
        async with open_database(storage_url) as database:
            return await database.read(read_tables)

    results = await asyncio.gather(*(open_once() for _ in range(8)))
    assert all(tables == results[0] for tables in results)


def test_the_files_of_the_migrations_are_named_after_their_revisions() -> None:
    config = Config()
    config.set_main_option("script_location", "bot.storage:migrations")
    scripts = ScriptDirectory.from_config(config)
    assert find_revisions() == {script.revision for script in scripts.walk_revisions()}
    assert scripts.get_current_head() == max(find_revisions())
