"""The terminal of an operator."""

import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import typer

from bot.logs import escape_unprintable


def echo(text: str, *, err: bool = False) -> None:
    """Print a line; what it holds of the workspace cannot control the terminal."""
    typer.echo(escape_unprintable(text), err=err)


def ask(question: str, default: str = "") -> str:
    """Ask until something is answered."""
    with _signals_end_the_program():
        return str(typer.prompt(escape_unprintable(question), default=default or None))


def ask_secret(question: str) -> str:
    """Ask for what is not shown."""
    with _signals_end_the_program():
        return str(typer.prompt(escape_unprintable(question), hide_input=True))


def is_agreed(question: str) -> bool:
    """Ask a question that is answered with yes or no."""
    with _signals_end_the_program():
        return typer.confirm(escape_unprintable(question))


def confirm(question: str) -> None:
    """Ask a question; end the command with status 1 where the answer is no."""
    if not is_agreed(question):
        raise typer.Abort


def refuse_without_terminal(remedy: str) -> None:
    """End the command with status 2 where nobody can be asked."""
    if not sys.stdin.isatty():
        echo(f"session-bot: without a terminal nobody can be asked; {remedy}", err=True)
        raise typer.Exit(2)


@contextmanager
def _signals_end_the_program() -> Iterator[None]:
    """Let Ctrl+C and SIGTERM end a question at once.

    asyncio's handlers only note them for the event loop, which does not turn until somebody has
    answered.
    """
    with ExitStack() as stack:
        for number, handler in (
            (signal.SIGINT, signal.default_int_handler),
            (signal.SIGTERM, signal.SIG_DFL),
        ):
            stack.callback(signal.signal, number, signal.signal(number, handler))
        yield
