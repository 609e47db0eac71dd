"""The bot on PostgreSQL, where the key must be given."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from bot.admin.accounts import list_accounts, show_audit
from bot.admin.keys import list_keys, make_key
from bot.app import open_bot
from bot.config import Settings, StorageSettings, VaultSettings, WorkspaceSettings
from bot.errors import ConfigError, StorageError
from bot.storage.inspection import inspect_database
from bot.storage.key_file import load_key_ring, read_key_file
from tests.support.programs import run_program, write_config
from tests.support.stage import KEY, open_stage


def make_settings(url: str) -> Settings:
    workspace = WorkspaceSettings(url="http://127.0.0.1:9", user_id="b", auth_token=SecretStr("x"))
    return Settings(workspace=workspace, storage=StorageSettings(url=url))


async def test_without_a_file_beside_it_the_key_must_be_given(postgres_url: str) -> None:
    with pytest.raises(ConfigError, match=r"\[vault\] keys: a key to seal tokens with is missing"):
        async with open_bot(make_settings(postgres_url)):
            pytest.fail("it was opened")


async def test_no_machine_makes_a_key_of_its_own(postgres_url: str, tmp_path: Path) -> None:
    key_file = tmp_path / "shared.key"
    vault = {"vault": VaultSettings(key_file=key_file)}
    settings = make_settings(postgres_url).model_copy(update=vault)
    with pytest.raises(ConfigError, match=r"is missing; .* make it with: session-bot keys new"):
        async with open_bot(settings):
            pytest.fail("it was opened")
    assert not key_file.exists()
    printed = [line async for line in make_key(settings)]
    assert "copy it to every machine" in printed[-1]
    keys = read_key_file(key_file)
    assert len(keys.ids) == 1
    found = load_key_ring((), settings.find_key_file(), is_creation_allowed=False)
    assert found.ids == keys.ids


async def test_a_server_without_the_bots_tables_is_named_and_gets_none(postgres_url: str) -> None:
    vault = {"vault": VaultSettings(keys=(KEY,))}
    settings = make_settings(postgres_url).model_copy(update=vault)
    for lines in (list_accounts(settings), show_audit(settings, None), list_keys(settings)):
        with pytest.raises(StorageError, match="There is no database of the bot: postgresql://"):
            await anext(lines)
    assert (await inspect_database(postgres_url)).is_new


def test_the_password_of_the_database_is_not_shown() -> None:
    url = "postgresql://bot:Plainly-Visible@db.example.org/bot"
    assert "Plainly-Visible" not in repr(make_settings(url))
    assert "Plainly-Visible" in str(make_settings(url).storage.url)


async def test_two_bots_on_one_database_give_each_question_one_answer(
    postgres_url: str, tmp_path: Path
) -> None:
    async with open_stage(tmp_path, bots=2, storage_url=postgres_url) as stage:
        alice = await stage.meet_connected("alice")
        for number in range(10):
            # Alternating, so that a second answer would be taken for the next one's.
            name = "timezone" if number % 2 else "whoami"
            assert f"`!{name}" in await alice.ask(f"!help {name}")


async def test_a_second_process_takes_over_what_the_first_answered(
    postgres_url: str, tmp_path: Path
) -> None:
    async with open_stage(tmp_path, storage_url=postgres_url) as stage:
        alice = await stage.meet_connected("alice")
        config = write_config(tmp_path / "config.toml", stage.settings)
        async with run_program(config):
            await stage.stop_bots()
            assert "Chrome 113 on Windows 10" in await alice.ask("!session QoYYFw2t9oKks2niG")
