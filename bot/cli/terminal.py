"""The terminal of an operator."""

import typer

from bot.logs import escape_unprintable


def echo(text: str, *, err: bool = False) -> None:
    """Print a line; what it holds of the workspace cannot control the terminal."""
    typer.echo(escape_unprintable(text), err=err)
