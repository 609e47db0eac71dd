"""Commands for the database as a whole."""

import typer

from bot.cli.command import command
from bot.cli.options import Config, Secrets

commands = typer.Typer()


@command(commands, "migrate")
async def migrate(config: Config = None, secrets: Secrets = None) -> None:
    """Make or update the database tables, as run and work do when they start."""
    from bot.admin import accounts_and_keys
    from bot.cli.operating import load_for_operator, print_lines

    await print_lines(accounts_and_keys.migrate(load_for_operator(config, secrets)))
