"""procrastinate's tables: made and brought up to date in a PostgreSQL schema of their own."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from procrastinate.schema import SchemaManager
from sqlalchemy import Connection, insert, select
from sqlalchemy.sql.expression import TableClause, column, table

from bot.errors import StorageError
from bot.storage.database import MIGRATION_TIMEOUT_S, Database
from bot.storage.engine import wait_to_migrate

NAME: Final = "session_bot_jobs"
_NOTES: Final = "applied_scripts"


@dataclass(frozen=True, slots=True)
class ForeignSchema:
    """A library's tables: ``whole`` makes them, ``steps`` migrate older ones, in their order.

    ``whole`` equals all steps together.
    """

    name: str
    whole: str
    steps: Mapping[str, str]


def load_schema() -> ForeignSchema:
    """Load the library's schema and its migrations."""
    folder = Path(SchemaManager.get_migrations_path())
    # Their names begin with the version that needs them, so they sort into their order.
    steps = {path.stem: path.read_text("utf-8") for path in sorted(folder.glob("*.sql"))}
    return ForeignSchema(NAME, SchemaManager.get_schema(), steps)


async def apply_schema(database: Database, schema: ForeignSchema) -> list[str]:
    """Make the tables or bring them up to date; return the names of the new steps.

    Several processes may do so at once. Raises StorageError, also where a newer version of the
    library was here before.
    """
    return await database.write(partial(_apply, schema), timeout_s=MIGRATION_TIMEOUT_S)


def _apply(schema: ForeignSchema, connection: Connection) -> list[str]:
    wait_to_migrate(connection)
    # Names hold no quotes: they are the program's own.
    connection.exec_driver_sql(f"CREATE SCHEMA IF NOT EXISTS {schema.name}")
    connection.exec_driver_sql(f"SET LOCAL search_path = {schema.name}")
    connection.exec_driver_sql(f"CREATE TABLE IF NOT EXISTS {_NOTES} (name text PRIMARY KEY)")
    notes = table(_NOTES, column("name"))
    known = set(connection.execute(select(notes.c.name)).scalars())
    if unknown := known - schema.steps.keys():
        raise StorageError(
            f"The jobs in the database were last used by a newer version (schema {max(unknown)});"
            " install that version again or restore a backup."
        )
    new = [name for name in schema.steps if name not in known]
    _run_scripts(connection, [schema.steps[name] for name in new] if known else [schema.whole])
    _note(connection, notes, new)
    return new


def _run_scripts(connection: Connection, scripts: list[str]) -> None:
    # Without parameters, or the driver would look for placeholders and allow one statement only.
    connection = connection.execution_options(no_parameters=True)
    for script in scripts:
        connection.exec_driver_sql(script)


def _note(connection: Connection, notes: TableClause, names: list[str]) -> None:
    if names:
        connection.execute(insert(notes), [{"name": name} for name in names])
