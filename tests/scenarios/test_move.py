"""From SQLite to PostgreSQL: everybody is answered as before."""

import asyncio
from pathlib import Path

import psycopg
import pytest

from bot.admin.move import move
from bot.config import StorageSettings, VaultSettings
from bot.errors import ConfigError, StorageError
from bot.storage.database import migrate_database
from tests.support.deadlines import PROGRAM_DEADLINE_S
from tests.support.postgres import PASSWORD
from tests.support.programs import run_to_its_end, start_program, write_config
from tests.support.stage import Stage, open_stage

SESSION = "!session QoYYFw2t9oKks2niG"
IS_WAITED_FOR = """
    SELECT count(*) > 0 FROM pg_locks JOIN pg_database ON pg_database.oid = database
    WHERE NOT granted AND datname = current_database()
"""


async def kill_in_the_middle(command: tuple[str, ...], url: str) -> None:
    """Kill the program when only the last row is missing, and see that none was kept."""
    async with await psycopg.AsyncConnection.connect(url) as connection:
        await connection.execute("LOCK TABLE sealed_secrets IN SHARE MODE")
        async with start_program(*command) as program:
            await wait_for_insert(connection)
            await program.kill()
        await connection.rollback()
        found = await connection.execute("SELECT count(*) FROM accounts")
        assert await found.fetchone() == (0,)


async def wait_for_insert(connection: psycopg.AsyncConnection[tuple[object, ...]]) -> None:
    async with asyncio.timeout(PROGRAM_DEADLINE_S):
        while True:
            found = await connection.execute(IS_WAITED_FOR)
            if await found.fetchone() == (True,):
                return
            await asyncio.sleep(0.02)


async def test_a_move_that_is_killed_is_repeated_and_everybody_is_answered(
    tmp_path: Path, new_postgres_url: str
) -> None:
    async with open_stage(tmp_path) as stage:
        alice = await stage.meet_connected("alice")
        await alice.ask("!report daily 9")
        config = str(write_config(tmp_path / "config.toml", stage.settings))
        command = ("move", "--to", new_postgres_url, "--config", config)
        status, told, errors = await run_to_its_end(*command)
        assert (status, told) == (1, "")
        assert "open in another program, most likely the bot. Stop that first" in errors
        await stage.stop_bots()
        await kill_in_the_middle(command, new_postgres_url)

        status, told, errors = await run_to_its_end(*command)
        assert (status, PASSWORD in told + errors) == (0, False), errors
        assert "rows copied, and the same in both databases" in told
        assert f'key_file = "{tmp_path / "bot.key"}"' in told
        await stage.start_bot(
            storage=StorageSettings(url=new_postgres_url),
            vault=VaultSettings(key_file=tmp_path / "bot.key"),
        )
        assert "Chrome 113 on Windows 10" in await alice.ask(SESSION)


async def ask_to_move(stage: Stage, target: str) -> list[str]:
    return [line async for line in move(stage.settings, target)]


@pytest.mark.parametrize(
    ("target", "problem"),
    [
        ("sqlite:///other.db", "--to: write it like postgresql://user@host/database"),
        ("postgresql://me:Plainly@Visible@host/db", "--to: write an @ .* as %40"),
        ("postgresql://me:Plainly-Visible@host:port/db", "--to: write it like"),
    ],
)
async def test_an_address_that_cannot_work_is_refused_without_being_shown(
    tmp_path: Path, target: str, problem: str
) -> None:
    async with open_stage(tmp_path, bots=0) as stage:
        with pytest.raises(StorageError, match=r"bot\.db does not exist; there is nothing to move"):
            await ask_to_move(stage, "postgresql://me@host/db")
        await migrate_database(stage.settings.storage.url)
        with pytest.raises(ConfigError, match=problem) as caught:
            await ask_to_move(stage, target)
    assert "Visible" not in str(caught.value)
