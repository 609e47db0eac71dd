"""How a coroutine function becomes a command."""

from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import typer

Parameters = ParamSpec("Parameters")
Options = TypeVar("Options")
Work = Coroutine[Any, Any, None]
CommandFunction = Callable[Parameters, Work]


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


def takes(
    options: Callable[Parameters, Options],
) -> Callable[[Callable[[Options], Work]], CommandFunction[Parameters]]:
    """Make a command, whose options are the fields of a dataclass, of a function that takes one."""

    def collect(function: Callable[[Options], Work]) -> CommandFunction[Parameters]:
        # Typer reads the options from the signature of what is wrapped.
        @wraps(options, assigned=(), updated=())
        def run(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Work:
            return function(options(*args, **kwargs))

        run.__doc__ = function.__doc__
        return run

    return collect
