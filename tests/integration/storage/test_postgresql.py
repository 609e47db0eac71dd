import asyncio
import socket
import subprocess
import sys
import time
import traceback
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import Connection, make_url

from bot.errors import ConfigError, StorageError
from bot.storage.database import Database, open_database
from bot.storage.engine import make_engine
from tests.support.postgres import run_alone

FAIL = "DO $$ BEGIN RAISE EXCEPTION 'oh no' USING ERRCODE = '{}'; END $$"


async def expect_failure(url: str, words: str) -> str:
    """Expect that opening fails, and give all that the operator could come to see."""
    with pytest.raises(StorageError, match=words) as caught:
        async with open_database(url):
            pytest.fail("it was opened")
    return "".join(traceback.format_exception(caught.value))


def change(url: str, **parts: Any) -> str:  # noqa: ANN401 - the library's own
    return make_url(url).set(**parts).render_as_string(hide_password=False)


def add_option(url: str, option: str) -> str:
    address = make_url(url).update_query_dict({"options": f"-c {option}"})
    return address.render_as_string(hide_password=False)


def kill_others(url: str) -> None:
    """End all other connections to the database, as an operator may, and wait for their end."""
    run_alone(
        url,
        "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )


def make_notes(connection: Connection) -> None:
    connection.exec_driver_sql("CREATE TABLE notes (word VARCHAR)")


def write(connection: Connection) -> None:
    connection.exec_driver_sql("INSERT INTO notes VALUES ('word')")


def count_notes(connection: Connection) -> int:
    return int(connection.exec_driver_sql("SELECT count(*) FROM notes").scalar_one())


def count_connections(connection: Connection) -> int:
    query = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND application_name = 'session-bot'"
    )
    return int(connection.exec_driver_sql(query).scalar_one())


async def test_one_connection_is_enough(postgres_url: str) -> None:
    async with open_database(postgres_url) as database:
        counts = await asyncio.gather(*(database.read(count_connections) for _ in range(20)))
    assert set(counts) == {1}


async def test_time_limits_hold_unless_the_address_says_otherwise(postgres_url: str) -> None:
    def show(connection: Connection) -> list[str]:
        names = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
        return [str(connection.exec_driver_sql(f"SHOW {name}").scalar_one()) for name in names]

    async with open_database(postgres_url) as database:
        assert await database.read(show) == ["30s", "10s", "30s"]
    async with open_database(add_option(postgres_url, "lock_timeout=5s")) as database:
        assert await database.read(show) == ["30s", "5s", "30s"]


async def test_a_connection_that_broke_between_is_replaced_unnoticed(postgres_url: str) -> None:
    async with open_database(postgres_url) as database:
        await database.write(make_notes)
        kill_others(postgres_url)
        await database.write(write)
        kill_others(postgres_url)
        await asyncio.gather(*(database.write_soon(write) for _ in range(5)))
        assert await database.read(count_notes) == 6


async def test_work_whose_connection_breaks_is_done_again_and_kept_once(
    postgres_url: str,
) -> None:
    calls: list[None] = []

    def write_twice(connection: Connection) -> None:
        write(connection)
        if not calls:
            kill_others(postgres_url)
        calls.append(None)
        write(connection)

    async with open_database(postgres_url) as database:
        await database.write(make_notes)
        await database.write(write_twice)
        assert await database.read(count_notes) == 2
    assert len(calls) == 2


async def test_a_connection_that_breaks_at_the_commit_is_told(postgres_url: str) -> None:
    def write_and_break(connection: Connection) -> None:
        write(connection)
        kill_others(postgres_url)

    async with open_database(postgres_url) as database:
        await database.write(make_notes)
        with pytest.raises(StorageError, match="the server ended the connection"):
            await database.write(write_and_break)
        assert await database.read(count_notes) == 0


async def test_conflicts_without_end_are_an_error(postgres_url: str) -> None:
    calls: list[None] = []

    def conflict(connection: Connection) -> None:
        calls.append(None)
        connection.exec_driver_sql(FAIL.format("40001"))

    async with open_database(postgres_url) as database:
        with pytest.raises(StorageError, match="too many were changing the same rows; try again"):
            await database.write(conflict)
    assert 3 < len(calls) < 50


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        ("53100", "the server's disk is full; make room"),
        ("53200", "no memory or no connection left"),
        ("58030", "disk failed to read or write"),
        ("XX001", "it is damaged; restore a backup"),
        ("P0001", r"used: oh no\.$"),
    ],
)
async def test_an_error_says_what_to_do(code: str, advice: str, postgres_url: str) -> None:
    async with open_database(postgres_url) as database:
        with pytest.raises(StorageError, match=advice):
            await database.write(lambda c: c.exec_driver_sql(FAIL.format(code)))
        assert await database.read(count_connections) == 1


async def test_a_value_of_the_wrong_kind_is_not_quoted(postgres_url: str) -> None:
    value = uuid4().hex
    async with open_database(postgres_url) as database:
        with pytest.raises(StorageError, match="cannot keep one of the values") as caught:
            await database.write(
                lambda c: c.exec_driver_sql("SELECT CAST(%s::text AS integer)", (value,))
            )
    assert value not in "".join(traceback.format_exception(caught.value))


async def test_work_that_takes_too_long_is_ended(new_postgres_url: str) -> None:
    async with open_database(add_option(new_postgres_url, "statement_timeout=500")) as database:
        with pytest.raises(StorageError, match="it took too long"):
            await database.write(lambda c: c.exec_driver_sql("SELECT pg_sleep(20)"))


async def test_a_lock_of_another_program_is_named(postgres_url: str) -> None:
    async with open_database(add_option(postgres_url, "lock_timeout=100")) as database:
        await database.write(make_notes)
        with psycopg.connect(postgres_url) as other:
            other.execute("LOCK TABLE notes")
            with pytest.raises(StorageError, match="locked by another program"):
                await database.write(write)


async def test_a_wrong_password_is_named_and_not_shown(postgres_url: str) -> None:
    password = uuid4().hex
    seen = await expect_failure(
        change(postgres_url, password=password), "the server refuses the role or its password"
    )
    assert password not in seen
    assert str(make_url(postgres_url).password) not in seen


@pytest.mark.parametrize(
    ("host", "advice"),
    [("127.0.0.1", "no server answers; start it"), ("no-such-host.invalid", "is not known")],
)
async def test_a_server_that_is_not_there_is_named(host: str, advice: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    await expect_failure(f"postgresql://me:secret@{host}:{port}/db", advice)


async def test_a_server_that_says_nothing_is_given_up_by_all_who_wait() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        url = f"postgresql://me:secret@{address}/db?connect_timeout=2"
        database = Database(make_engine(url))
        begun = time.monotonic()
        try:
            errors = await asyncio.gather(
                *(database.read(count_notes) for _ in range(30)), return_exceptions=True
            )
        finally:
            await database.close()
    assert all("the server does not answer" in str(error) for error in errors)
    assert time.monotonic() - begun < 20


async def test_a_missing_database_is_named(postgres_url: str) -> None:
    await expect_failure(change(postgres_url, database="nowhere"), "run CREATE DATABASE")


async def test_a_role_without_rights_is_named(postgres_url: str) -> None:
    role = str(make_url(postgres_url).database) + "_role"
    run_alone(postgres_url, f"CREATE ROLE {role} LOGIN PASSWORD 'x'")
    run_alone(postgres_url, "REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    try:
        await expect_failure(
            change(postgres_url, username=role, password="x"), "make it the owner of the database"
        )
    finally:
        run_alone(postgres_url, f"DROP ROLE {role}")


async def test_a_read_only_copy_is_named(postgres_url: str) -> None:
    url = add_option(postgres_url, "default_transaction_read_only=on")
    await expect_failure(url, "the server is a read-only copy")


async def test_a_database_that_cannot_hold_every_text_is_refused(postgres_url: str) -> None:
    name = str(make_url(postgres_url).database) + "_ascii"
    run_alone(postgres_url, f"CREATE DATABASE {name} ENCODING 'SQL_ASCII' TEMPLATE template0")
    try:
        await expect_failure(change(postgres_url, database=name), "encoded in SQL_ASCII")
    finally:
        run_alone(postgres_url, f"DROP DATABASE {name} WITH (FORCE)")


async def test_a_password_with_an_unwritten_at_sign_is_not_taken_for_a_host() -> None:
    with pytest.raises(ConfigError, match="%40") as caught:
        make_engine("postgresql://me:pass@word@host/db")
    assert "word@" not in str(caught.value)


def test_a_driver_that_is_not_installed_is_named() -> None:
    script = (
        "import sys; sys.modules['psycopg'] = None\n"
        "from bot.storage.engine import make_engine\n"
        "make_engine('postgresql://host/db')"
    )
    result = subprocess.run(  # noqa: S603 - our own interpreter and script
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    problem = "[storage] url: psycopg is not installed; run: make install EXTRAS=postgresql"
    assert f"ConfigError: {problem}" in result.stderr
