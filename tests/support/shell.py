"""The program of the command line, run inside of the tests' own process."""

import logging
from collections.abc import Callable, Iterator

import pytest
import structlog
from typer.testing import CliRunner, Result

from bot.cli.program import program

Shell = Callable[..., Result]


@pytest.fixture
def shell() -> Iterator[Shell]:
    """Run the program in this process, without a terminal, with these arguments and answers."""
    root, runner = logging.getLogger(), CliRunner()
    before, level = list(root.handlers), root.level

    def run(*arguments: str, typed: str = "") -> Result:
        return runner.invoke(program, arguments, input=typed, prog_name="session-bot")

    yield run
    structlog.reset_defaults()
    root.handlers[:] = before
    root.setLevel(level)
