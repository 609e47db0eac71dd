"""Commands for operators use the database that the configuration names, and make none."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from bot.storage.migrations import renames_0007
from tests.support.shell import Shell

CONFIG = """
[workspace]
url = "http://127.0.0.1:9"
user_id = "botbotbot"
auth_token = "tell-nobody"
"""
COMMANDS = [
    "accounts list",
    "accounts audit",
    "accounts audit alice",
    "accounts forget alice --yes",
    "keys list",
    "keys new",
    "keys rotate",
]


def write(folder: Path, text: str = "") -> Path:
    folder.mkdir(exist_ok=True)
    config = folder / "config.toml"
    config.write_text(CONFIG + text)
    config.chmod(0o600)
    return config


@pytest.mark.parametrize("storage", ["", "[storage]\nurl = 'sqlite:///none/bot.db'\n"])
def test_a_database_that_is_not_there_is_named_and_nothing_is_made(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, storage: str
) -> None:
    config = write(tmp_path / "folder", storage)
    (working := tmp_path / "working").mkdir()
    monkeypatch.chdir(working)
    database = config.parent / ("none/bot.db" if storage else "session-bot.db")
    wrong = []
    for command in COMMANDS:
        result = shell(*command.split(), "--config", str(config))
        first, *errors = result.stderr.splitlines()
        named = f"session-bot: configuration {config}, database {database}"
        is_right = result.exit_code == 1 and first == named and str(database) in errors[0]
        if not is_right or result.stdout or len(errors) > 1:
            wrong.append((command, result.exit_code, result.output))
    assert wrong == []
    assert [*config.parent.iterdir(), *working.iterdir()] == [config]


def test_a_database_that_may_not_be_looked_at_is_named_without_a_traceback(
    shell: Shell, tmp_path: Path
) -> None:
    # No name is so long; root is refused nothing else.
    config = write(tmp_path, f"[storage]\nurl = 'sqlite:///{'x' * 300}/bot.db'\n")
    for command in ("accounts list", "keys new", "migrate", "check"):
        result = shell(*command.split(), "--config", str(config))
        assert result.exit_code == 1, command
        assert "File name too long" in result.output
        assert "Traceback" not in result.output


def test_check_names_the_database_and_makes_none(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = write(tmp_path / "folder")
    monkeypatch.chdir(tmp_path)
    result = shell("check", "--config", str(config))
    first = result.stdout.splitlines()[0]
    database = config.parent / "session-bot.db"
    assert first == f"ok       settings    configuration {config}, database {database}"
    assert [*config.parent.iterdir()] == [config]


def test_an_older_programs_tables_are_left_as_they_are(shell: Shell, tmp_path: Path) -> None:
    config = write(tmp_path)
    shell("migrate", "--config", str(config))
    with closing(sqlite3.connect(tmp_path / "session-bot.db")) as database, database:
        database.execute("UPDATE alembic_version SET version_num = ?", [renames_0007.REVISION])
    result = shell("accounts", "list", "--config", str(config))
    assert result.exit_code == 1
    assert "session-bot migrate" in result.stderr
    with closing(sqlite3.connect(tmp_path / "session-bot.db")) as database, database:
        (left,) = database.execute("SELECT version_num FROM alembic_version").fetchone()
    assert left == renames_0007.REVISION


def test_a_configuration_is_found_by_option_then_variable_then_in_the_working_folder(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    beside, variable, option = (write(tmp_path / name) for name in ("beside", "variable", "option"))
    for config in (beside, variable, option):
        assert shell("migrate", "--config", str(config)).exit_code == 0
    monkeypatch.chdir(beside.parent)
    arguments: list[str] = []
    for config in (beside, variable, option):
        if config is variable:
            monkeypatch.setenv("SESSION_BOT_CONFIG", str(variable))
        if config is option:
            arguments = ["--config", str(option)]
        for command in (["accounts", "list"], ["check"]):
            result = shell(*command, *arguments)
            used = config.parent / "session-bot.db"
            where = f"configuration {config}, database {used}"
            # What is found in the working folder is shown with its whole path, too.
            assert where in result.output, result.output


def test_a_wrong_path_is_shown_whole(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = shell("accounts", "list", "--config", "none.toml")
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"{tmp_path}/none.toml does not exist" in result.stderr


def test_without_any_configuration_the_ways_to_name_one_are_told(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for command in ("run", "work", "migrate", "accounts list", "keys list"):
        result = shell(*command.split())
        assert result.exit_code == 2, command
        assert "--config or SESSION_BOT_CONFIG" in result.stderr, command
    result = shell("check")
    assert (result.exit_code, "--config or SESSION_BOT_CONFIG" in result.stdout) == (1, True)
