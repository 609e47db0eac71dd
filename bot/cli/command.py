"""How a coroutine function becomes a command."""

from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, ParamSpec

import typer

Parameters = ParamSpec("Parameters")
CommandFunction = Callable[Parameters, Coroutine[Any, Any, None]]


def command(
    commands: typer.Typer, name: str
) -> Callable[[CommandFunction[Parameters]], CommandFunction[Parameters]]:
    """Register a coroutine function as a command, which ends with the exit status."""

    def register(function: CommandFunction[Parameters]) -> CommandFunction[Parameters]:
        @wraps(function)
        def run(*args: Parameters.args, **kwargs: Parameters.kwargs) -> None:
            import bot.logs  # noqa: F401 - it has to be the first that imports structlog
            from bot.cli.exit_status import run_to_exit_status

            run_to_exit_status(function(*args, **kwargs))

        commands.command(name)(run)
        return function

    return register
