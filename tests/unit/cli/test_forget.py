"""``accounts forget``: whom, how much, and only where the operator is sure."""

import os
import pty
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import create_engine, func, select

from bot.storage.tables import accounts
from tests.integration.features.test_personal_data import PERSONAL, fill, name_all
from tests.support.shell import Shell
from tests.unit.cli.test_right_database import write

ANN = "ann text"
"""The user name of ``ann``, who has a row in every table."""


@pytest.fixture
def config(shell: Shell, tmp_path: Path) -> Path:
    """Return a configuration with a database that has ann and bob in every table."""
    config = write(tmp_path)
    assert shell("migrate", "--config", str(config)).exit_code == 0
    engine = create_engine(f"sqlite:///{tmp_path}/session-bot.db")
    with engine.begin() as connection:
        fill(connection)
    engine.dispose()
    return config


def count_accounts(config: Path) -> int:
    engine = create_engine(f"sqlite:///{config.parent}/session-bot.db")
    with engine.connect() as connection:
        count = connection.scalar(select(func.count()).select_from(accounts))
    engine.dispose()
    return count or 0


def test_what_is_erased_is_told_in_numbers(shell: Shell, config: Path) -> None:
    result = shell("accounts", "forget", ANN, "--yes", "--config", str(config))
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("Erased of ann text (ann): 1 in accounts, ")
    for table in name_all(PERSONAL) | {"inbox"}:
        assert f"1 in {table.replace('_', ' ')}" in result.stdout
    assert count_accounts(config) == 1


def test_nobody_of_that_name_is_status_1(shell: Shell, config: Path) -> None:
    for name in ("mallory", "an", "\x1b[2Jann"):
        result = shell("accounts", "forget", name, "--yes", "--config", str(config))
        assert (result.exit_code, result.stdout) == (1, "")
        assert "Nothing is stored about" in result.stderr
        assert "\x1b" not in result.stderr
    assert count_accounts(config) == 2


def test_without_a_terminal_it_must_be_said_that_nobody_is_asked(
    shell: Shell, config: Path
) -> None:
    result = shell("accounts", "forget", ANN, "--config", str(config), typed="y\n")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "add --yes" in result.stderr
    assert count_accounts(config) == 2


class Asked:
    """The program at a terminal, as it asks whether to erase ann."""

    def __init__(self, config: Path) -> None:
        self._terminal, theirs = pty.openpty()
        command = [sys.executable, "-m", "bot", "accounts", "forget", ANN, "--config", str(config)]
        self.process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs)  # noqa: S603 - this program
        os.close(theirs)
        self.shown = ""
        while "Erase everything?" not in self.shown:
            self.shown += os.read(self._terminal, 1024).decode()

    def answer(self, text: str) -> tuple[int, str]:
        """Return the status, and all that was shown."""
        os.write(self._terminal, text.encode())
        return self.wait()

    def wait(self) -> tuple[int, str]:
        status = self.process.wait()
        with suppress(OSError):  # nothing more, at the end of a terminal
            self.shown += os.read(self._terminal, 65536).decode()
        os.close(self._terminal)
        return status, self.shown


def test_the_operator_is_asked(config: Path) -> None:
    status, shown = Asked(config).answer("n\n")
    assert (status, count_accounts(config)) == (1, 2), shown
    assert "ann text (ann) has 1 in accounts, " in shown
    status, shown = Asked(config).answer("y\n")
    assert (status, count_accounts(config)) == (0, 1), shown


def test_ctrl_c_ends_the_question_at_once(config: Path) -> None:
    asked = Asked(config)
    asked.process.send_signal(signal.SIGINT)
    status, shown = asked.wait()
    assert (status, count_accounts(config)) == (1, 2), shown
