"""Every row of every table moved to PostgreSQL, as it is; or none of them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Double,
    Integer,
    LargeBinary,
    Table,
    delete,
    insert,
    select,
    update,
)

from bot.errors import StorageError
from bot.storage.database import open_database
from bot.storage.move import Moved, move_database
from bot.storage.tables import UtcTime, accounts, audit, inbox, metadata
from tests.support.postgres import open_empty_database

LONG_AGO = datetime(1, 1, 1, tzinfo=UTC)
# In another order by the rules of a language than by their bytes.
WORDS = ("a", "B", "_", "é", "Z z", "ä", "日本", "🦊", "%s", "'; DROP", "\t\n")
IN_ENGLISH = "ENCODING 'UTF8' LOCALE_PROVIDER icu ICU_LOCALE 'en-US'"
MANY = 1501  # more than two batches


def make_value(column: Column[Any], number: int) -> object:
    """Return a value for a column: another for each number, and at the edges of its type."""
    if column.nullable and number % 3 == 0:
        return None
    kind = column.type
    if isinstance(kind, UtcTime):
        return LONG_AGO + timedelta(microseconds=number)
    values: dict[type, object] = {
        LargeBinary: bytes(range(256)) + number.to_bytes(4, "big"),
        Boolean: number % 2 == 0,
        Double: -number / 7,
        BigInteger: 2**62 + number,
        Integer: number,
    }
    word = f"{WORDS[number % len(WORDS)]}{number}"
    return next((value for cls, value in values.items() if isinstance(kind, cls)), word)


def make_rows(table: Table, count: int) -> list[dict[str, object]]:
    return [
        {column.name: make_value(column, number) for column in table.c}
        for number in range(1, count + 1)
    ]


def count_rows() -> dict[str, int]:
    return {name: MANY if name == audit.name else len(WORDS) for name in metadata.tables}


def fill(connection: Connection) -> None:
    for name, count in count_rows().items():
        table = metadata.tables[name]
        connection.execute(insert(table), make_rows(table, count))


@pytest.fixture
async def source_url(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path}/bot.db"
    async with open_database(url) as database:
        await database.write(fill)
    return url


async def read_all(url: str) -> dict[str, set[tuple[object, ...]]]:
    async with open_database(url) as database:
        return {
            name: {tuple(row) for row in await database.fetch_all(select(table))}
            for name, table in metadata.tables.items()
        }


@pytest.fixture
def postgres_url_of_a_language(postgres_server_url: str) -> Iterator[str]:
    """The address of a database that orders texts otherwise than by their bytes."""
    with open_empty_database(postgres_server_url, "template0", IN_ENGLISH) as url:
        yield url


async def test_every_row_arrives_and_a_second_move_finds_it_there(
    source_url: str, postgres_url_of_a_language: str
) -> None:
    postgres_url = postgres_url_of_a_language
    first = await move_database(source_url, postgres_url)
    assert first == Moved(count_rows(), was_there=False)
    assert await read_all(source_url) == await read_all(postgres_url)
    assert await move_database(source_url, postgres_url) == Moved(first.rows, was_there=True)
    # What the bot then writes gets numbers of its own.
    async with open_database(postgres_url) as database:
        row = make_rows(audit, 1)[0]
        del row["id"]
        await database.execute(insert(audit), row)
        numbers = [row[0] for row in await database.fetch_all(select(audit.c.id))]
    assert sorted(numbers) == list(range(1, MANY + 2))


async def test_a_target_that_holds_something_else_is_left_as_it_is(
    source_url: str, postgres_url: str
) -> None:
    await move_database(source_url, postgres_url)
    one = accounts.c.user_id == "B1"
    for change in (
        update(accounts).where(one).values(sealed_token=b"another"),
        delete(accounts).where(one),
        insert(inbox).values(make_rows(inbox, len(WORDS) + 1)[-1]),
    ):
        async with open_database(postgres_url) as database:
            await database.execute(change)
        before = await read_all(postgres_url)
        with pytest.raises(StorageError, match="holds something else already, in the table"):
            await move_database(source_url, postgres_url)
        assert await read_all(postgres_url) == before


async def test_a_database_of_another_program_is_refused(source_url: str, postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        connection.execute("CREATE TABLE invoices (number INTEGER)")
    with pytest.raises(StorageError, match=r"something else already \(invoices\); make an empty"):
        await move_database(source_url, postgres_url)
    with psycopg.connect(postgres_url) as connection:
        found = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        assert found.fetchall() == [("invoices",)]
