"""Commands for the keys that seal people's tokens."""

from pathlib import Path
from typing import Annotated

import typer

from bot.cli.command import command
from bot.cli.options import Config, Secrets

NewFile = Annotated[
    Path | None,
    typer.Option("--file", resolve_path=True, help="Make this key file; needs no configuration."),
]

commands = typer.Typer(help="The keys that seal people's tokens.", no_args_is_help=True)


@command(commands, "new")
async def make_key(file: NewFile = None, config: Config = None, secrets: Secrets = None) -> None:
    """Make a new key, which seals from now on; the old keys still open."""
    from bot.admin import keys
    from bot.cli.operating import load_for_operator, print_lines

    if file:
        await print_lines(keys.make_first_key(file))
    else:
        await print_lines(keys.make_key(load_for_operator(config, secrets)))


@command(commands, "list")
async def list_keys(config: Config = None, secrets: Secrets = None) -> None:
    """List the keys by id, with the number of tokens that each has sealed."""
    from bot.admin import keys
    from bot.cli.operating import load_for_operator, print_lines

    await print_lines(keys.list_keys(load_for_operator(config, secrets)))


@command(commands, "rotate")
async def rotate_keys(config: Config = None, secrets: Secrets = None) -> None:
    """Reseal everything with the newest key, while the bot runs; can be stopped and repeated."""
    from bot.admin import keys
    from bot.cli.operating import load_for_operator, print_lines

    await print_lines(keys.rotate_keys(load_for_operator(config, secrets)))
