"""Backups while the bot runs, and restoring them, until people are answered again."""

import asyncio
import time
from pathlib import Path

import pytest

from bot.admin.backup import back_up, restore
from bot.config import StorageSettings
from bot.errors import ConfigError, StorageError
from tests.support.deadlines import DEADLINE_S
from tests.support.programs import PROGRAM, run_to_its_end, write_config
from tests.support.stage import Stage, open_stage

SESSION = "!session QoYYFw2t9oKks2niG"
# The shell's units are 512 bytes: enough for the beginning of a copy.
ON_FULL_DISK = ("sh", "-c", 'ulimit -f 16; exec "$0" "$@"', PROGRAM)


def list_names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


async def wait_for_next_second() -> None:
    """Wait until the workspace's time, which it tells in whole seconds, is after what was said."""
    second = int(time.time())
    async with asyncio.timeout(DEADLINE_S):
        while int(time.time()) == second:  # noqa: ASYNC110 - time tells nobody
            await asyncio.sleep(0.01)


async def test_a_backup_made_while_the_bot_runs_brings_everybody_back(tmp_path: Path) -> None:
    async with open_stage(tmp_path) as stage:
        alice = await stage.meet_connected("alice")
        config = ("--config", str(write_config(tmp_path / "config.toml", stage.settings)))
        saved, names = tmp_path / "saved.db", list_names(tmp_path)
        status, told, errors = await run_to_its_end(
            "backup", str(saved), *config, command=ON_FULL_DISK
        )
        assert (status, told) == (1, "")
        assert "the disk takes nothing more" in errors
        assert list_names(tmp_path) == names

        status, told, _ = await run_to_its_end("backup", str(saved), *config)
        assert (status, saved.stat().st_mode & 0o777) == (0, 0o600)
        assert f"to {saved}: 1 account, schema " in told
        assert f"The key is not in it (the file {tmp_path / 'bot.key'})" in told
        status, _, errors = await run_to_its_end("restore", str(saved), "--yes", *config)
        assert status == 1
        assert "open in another program, most likely the bot" in errors
        for said in ("!sessions", "!logout 2", "!confirm"):
            await alice.ask(said)

        await stage.stop_bots()
        with pytest.raises(StorageError, match="With --yes the backup takes its place"):
            await restore_now(stage, saved, is_sure=False)
        told = await restore_now(stage, saved, is_sure=True)
        assert f"is kept as {tmp_path / 'bot.db.replaced-'}" in told
        ended = stage.count_calls("sessions/logout.me")
        await wait_for_next_second()
        await stage.start_bot()
        assert "Chrome 113 on Windows 10" in await alice.ask(SESSION)
        # What was done since the backup is not done again.
        assert stage.count_calls("sessions/logout.me") == ended > 0


async def restore_now(stage: Stage, saved: Path, *, is_sure: bool) -> str:
    lines = restore(stage.settings, saved, stage.clock.now(), is_sure=is_sure)
    return "\n".join([line async for line in lines])


async def test_a_backup_replaces_no_file(tmp_path: Path) -> None:
    async with open_stage(tmp_path, bots=0) as stage:
        file = tmp_path / "notes"
        file.write_text("mine")
        with pytest.raises(StorageError, match="is there already, and was not changed"):
            _ = [line async for line in back_up(stage.settings, file)]
        assert file.read_text() == "mine"
        with pytest.raises(StorageError, match=r"bot\.db does not exist"):
            _ = [line async for line in back_up(stage.settings, tmp_path / "saved.db")]


async def test_for_postgresql_its_own_programs_are_named_without_the_password(
    tmp_path: Path,
) -> None:
    url = (
        "postgresql://bot:Plainly-Visible@db.example.org/bot?password=Also-Visible&sslmode=require"
    )
    async with open_stage(tmp_path, bots=0) as stage:
        settings = stage.settings.model_copy(update={"storage": StorageSettings(url=url)})
        shown = r"'postgresql://bot@db\.example\.org/bot\?sslmode=require'"
        with pytest.raises(ConfigError, match=rf"pg_dump --format=custom --file=\S+ {shown}$"):
            _ = [line async for line in back_up(settings, tmp_path / "a.dump")]
        stage.settings = settings
        with pytest.raises(
            ConfigError, match=rf"pg_restore .* --dbname={shown} \S+ && psql .* {shown}$"
        ):
            await restore_now(stage, tmp_path / "a.dump", is_sure=True)
