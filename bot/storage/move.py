"""Moving all that an SQLite database holds to an empty PostgreSQL database."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from itertools import zip_longest
from typing import Any, Final

from sqlalchemy import Connection, Engine, Result, String, Table, func, insert, inspect, select

from bot.errors import StorageError
from bot.storage.database import Database
from bot.storage.engine import make_engine, wait_to_migrate
from bot.storage.schema import migrate
from bot.storage.tables import metadata

_MOVE_TIMEOUT_S: Final = 6 * 3600.0
_BATCH_ROWS: Final = 1000
_EMPTY: Final = (
    "make an empty one with CREATE DATABASE name ENCODING 'UTF8' TEMPLATE template0."
    " Nothing was changed."
)
_OTHER_ROWS: Final = "The database holds something else already, in the table {name}; " + _EMPTY
_CHANGED_ROWS: Final = "Rows of the table {name} did not arrive as they were; none was kept."


@dataclass(frozen=True, slots=True)
class Moved:
    """How many rows of each table are the same in both databases.

    ``was_there`` tells that they had been moved before, and were compared only.
    """

    rows: Mapping[str, int]
    was_there: bool


async def move_database(source_url: str, target_url: str) -> Moved:
    """Copy every row in one transaction, and compare each with what it was copied from.

    Sealed values are copied as they are. Until the transaction is complete the target has nothing
    of it, so a move that was cut off anywhere can be repeated. Nobody can write into the source
    meanwhile. Raises ConfigError, and StorageError also where the target holds something else.
    """
    source, target = make_engine(source_url), Database(make_engine(target_url))
    try:
        return await target.write(partial(_move, source), timeout_s=_MOVE_TIMEOUT_S)
    finally:
        await target.close()
        source.dispose()


def _move(engine: Engine, target: Connection) -> Moved:
    with engine.connect() as source, source.begin():
        migrate(source)
        # A bot that starts on the target waits here, too, until the move is complete.
        wait_to_migrate(target)
        _refuse_other_tables(target)
        migrate(target)
        tables = metadata.sorted_tables
        was_there = any(target.execute(select(table).limit(1)).first() for table in tables)
        if not was_there:
            for table in tables:
                _copy(source, target, table)
        different = _OTHER_ROWS if was_there else _CHANGED_ROWS
        rows = {table.name: _compare(source, target, table, different) for table in tables}
    return Moved(rows, was_there)


def _refuse_other_tables(target: Connection) -> None:
    other = set(inspect(target).get_table_names()) - {*metadata.tables, "alembic_version"}
    if other:
        names = ", ".join(sorted(other)[:3])
        raise StorageError(f"The database holds something else already ({names}); {_EMPTY}")


def _copy(source: Connection, target: Connection, table: Table) -> None:
    for batch in _load(source, table).partitions():
        target.execute(insert(table), [row._asdict() for row in batch])
    column = table.autoincrement_column
    if column is not None:
        # The next row of the bot's must not get a number that a copied row has.
        sequence = func.pg_get_serial_sequence(table.name, column.name)
        highest = select(func.max(column)).scalar_subquery()
        target.execute(select(func.setval(sequence, highest)))


def _compare(source: Connection, target: Connection, table: Table, different: str) -> int:
    """Return how many rows there are; raise StorageError ``different`` unless all are the same."""
    count = 0
    with _load(source, table) as rows, _load(target, table) as others:
        for row, other in zip_longest(rows, others):
            if row is None or other is None or tuple(row) != tuple(other):
                raise StorageError(different.format(name=table.name))
            count += 1
    return count


def _load(connection: Connection, table: Table) -> Result[Any]:
    """Return all rows in the order of their keys, read from the database in parts."""
    is_server = connection.dialect.name == "postgresql"
    # SQLite orders texts by their bytes, a server by the language of the database.
    key = [
        column.collate("C") if is_server and isinstance(column.type, String) else column
        for column in table.primary_key
    ]
    query = select(table).order_by(*key).execution_options(yield_per=_BATCH_ROWS)
    return connection.execute(query)
