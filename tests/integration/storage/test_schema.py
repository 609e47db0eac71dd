import asyncio
from functools import partial

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Index, MetaData, inspect, text

from bot.errors import StorageError
from bot.storage.database import Database, open_database
from bot.storage.engine import make_engine
from bot.storage.migrations import renames_0007
from bot.storage.schema import find_revisions, migrate
from bot.storage.tables import metadata
from tests.integration.storage import earlier_schemas
from tests.support.postgres import open_empty_database


def read_tables(connection: Connection) -> set[str]:
    return set(inspect(connection).get_table_names())


def find_differences(connection: Connection) -> list[object]:
    """Compare the database with the tables and partial indexes that the program expects."""
    expected = MetaData()
    copies = {each.name: each.to_metadata(expected) for each in metadata.sorted_tables}
    inbox, report_runs = copies["inbox"].c, copies["report_runs"].c
    for name, columns, where in (
        ("inbox_unfinished", [inbox.sender_id], inbox.finished_at.is_(None)),
        ("inbox_awaiting", [inbox.awaiting_user_id], inbox.awaiting_user_id.is_not(None)),
        (
            "report_runs_open",
            [report_runs.claimable_at, report_runs.user_id],
            report_runs.finished_at.is_(None),
        ),
    ):
        Index(name, *columns, sqlite_where=where, postgresql_where=where)
    return list(compare_metadata(MigrationContext.configure(connection), expected))


async def test_a_new_database_has_what_the_program_expects(empty_storage_url: str) -> None:
    async with open_database(empty_storage_url) as database:
        assert await database.read(find_differences) == []


async def test_a_table_of_another_program_is_not_taken_for_ours(empty_storage_url: str) -> None:
    database = Database(make_engine(empty_storage_url))
    await database.execute(text("CREATE TABLE accounts (number INTEGER)"))
    await database.close()
    with pytest.raises(StorageError, match="accounts"):
        async with open_database(empty_storage_url):
            pytest.fail("it was opened")


async def test_a_second_open_changes_nothing(empty_storage_url: str) -> None:
    async with open_database(empty_storage_url) as database:
        before = await database.read(read_schema)
    async with open_database(empty_storage_url) as database:
        assert await database.read(read_schema) == before


def read_schema(connection: Connection) -> list[object]:
    inspector = inspect(connection)
    version = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one()
    columns = [inspector.get_columns(name) for name in sorted(inspector.get_table_names())]
    return [version, *([(each["name"], str(each["type"])) for each in table] for table in columns)]


async def test_a_migration_that_is_broken_off_leaves_nothing(empty_storage_url: str) -> None:
    database = Database(make_engine(empty_storage_url))

    def break_off(connection: Connection) -> None:
        migrate(connection)
        raise InterruptedError

    try:
        with pytest.raises(InterruptedError):
            await database.write(break_off)
        assert await database.read(read_tables) == set()
    finally:
        await database.close()


async def test_a_database_of_a_newer_program_is_refused(empty_storage_url: str) -> None:
    async with open_database(empty_storage_url) as database:
        await database.write(
            lambda c: c.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
        )
    with pytest.raises(StorageError, match=r"newer version of this program \(schema 9999\)"):
        async with open_database(empty_storage_url):
            pytest.fail("it was opened")


@pytest.mark.parametrize("revision", earlier_schemas.REVISIONS)
async def test_a_database_from_before_the_first_release_opens_with_all_its_rows(
    empty_storage_url: str, revision: str
) -> None:
    old = Database(make_engine(empty_storage_url))
    await old.write(partial(earlier_schemas.make_schema, revision=revision))
    rows = await old.write(partial(earlier_schemas.fill, revision=revision))
    await old.close()
    async with open_database(empty_storage_url) as database:
        assert await database.read(find_differences) == []
        assert (await database.read(read_schema))[0] == max(find_revisions())
        tables = {renames_0007.TABLES.get(name, name): row for name, row in rows.items()}
        for table, row in tables.items():
            names = renames_0007.COLUMNS.get(table, {}) if revision == "0007" else {}
            expected = {names.get(name, name): value for name, value in row.items()}
            expected = {
                column.name: expected.get(column.name) for column in metadata.tables[table].c
            }
            found = await database.fetch_one(text(f"SELECT * FROM {table}"))  # noqa: S608 - a name
            assert found is not None
            assert found._asdict() == expected, table
    async with open_database(empty_storage_url) as database:
        assert await database.read(find_differences) == []


@pytest.mark.parametrize("revision", earlier_schemas.REVISIONS)
async def test_an_earlier_database_is_then_like_a_new_one(
    postgres_server_url: str, postgres_url: str, revision: str
) -> None:
    old = Database(make_engine(postgres_url))
    await old.write(partial(earlier_schemas.make_schema, revision=revision))
    await old.close()
    with open_empty_database(postgres_server_url) as new_url:
        async with open_database(postgres_url) as renamed, open_database(new_url) as new:
            assert await renamed.read(read_names) == await new.read(read_names)


def read_names(connection: Connection) -> list[str]:
    """Return the names of all constraints, and the statements that make the indexes."""
    query = text(
        "SELECT conname::text FROM pg_constraint JOIN pg_class ON pg_class.oid = conrelid"
        " WHERE relnamespace = 'public'::regnamespace"
        " UNION SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1"
    )
    return [row[0] for row in connection.execute(query)]


@pytest.mark.parametrize("revision", ["0001", "0006", "0008"])
async def test_a_database_of_an_older_unreleased_revision_is_refused(
    empty_storage_url: str, revision: str
) -> None:
    async with open_database(empty_storage_url) as database:
        await database.execute(
            text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision}
        )
    with pytest.raises(StorageError, match=rf"before its first release \(schema {revision}\)"):
        async with open_database(empty_storage_url):
            pytest.fail("it was opened")


async def test_many_can_open_a_new_database_at_once(empty_storage_url: str) -> None:
    async def open_once() -> set[str]:
        async with open_database(empty_storage_url) as database:
            return await database.read(read_tables)

    results = await asyncio.gather(*(open_once() for _ in range(8)))
    assert all(tables == results[0] for tables in results)


def test_the_files_of_the_migrations_are_named_after_their_revisions() -> None:
    config = Config()
    config.set_main_option("script_location", "bot.storage:migrations")
    scripts = ScriptDirectory.from_config(config)
    assert find_revisions() == {script.revision for script in scripts.walk_revisions()}
    assert scripts.get_current_head() == max(find_revisions())
