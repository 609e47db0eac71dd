"""Commands for the database as a whole."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from bot.cli.command import command
from bot.cli.options import Config, Secrets

commands = typer.Typer()

Backup = Annotated[Path, typer.Argument(help="File of the backup.", resolve_path=True)]


@command(commands, "migrate")
async def migrate(config: Config = None, secrets: Secrets = None) -> None:
    """Make or update the database tables, as run and work do when they start."""
    from bot.admin.migrate import migrate as migrate_all
    from bot.cli.operating import load_for_operator, print_lines

    await print_lines(migrate_all(load_for_operator(config, secrets)))


@command(commands, "backup")
async def back_up(file: Backup, config: Config = None, secrets: Secrets = None) -> None:
    """Copy the database into a new file, while the bot runs; on PostgreSQL, say what to run."""
    from bot.admin import backup
    from bot.cli.operating import load_for_operator, print_lines

    await print_lines(backup.back_up(load_for_operator(config, secrets), file))


@command(commands, "restore")
async def restore(
    file: Backup,
    config: Config = None,
    secrets: Secrets = None,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Take the place of the database.")] = False,
) -> None:
    """Put a backup in the place of the database, which is kept; the bot must be stopped."""
    from bot.admin import backup
    from bot.cli.operating import load_for_operator, print_lines

    settings = load_for_operator(config, secrets)
    await print_lines(backup.restore(settings, file, datetime.now(UTC), is_sure=yes))


@command(commands, "move")
async def move(
    to: Annotated[str, typer.Option(help="As in postgresql://user@host/database.")],
    config: Config = None,
    secrets: Secrets = None,
) -> None:
    """Copy everything from SQLite to an empty PostgreSQL database; the bot must be stopped."""
    from bot.admin.move import move as move_all
    from bot.cli.operating import load_for_operator, print_lines

    await print_lines(move_all(load_for_operator(config, secrets), to))
