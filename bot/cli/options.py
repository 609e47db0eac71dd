"""Options and arguments that several commands have."""

import os
from pathlib import Path
from typing import Annotated

import typer


def _find_config(config: Path | None) -> Path | None:
    """Return the whole path of what was named, or else of what is in the working folder, if any."""
    beside = Path("config.toml")
    found = config or (beside if os.access(beside, os.F_OK) else None)
    return found.absolute() if found else None


Config = Annotated[
    Path | None,
    typer.Option(
        envvar="SESSION_BOT_CONFIG",
        callback=_find_config,
        help="TOML file; by default config.toml in this folder.",
    ),
]
Secrets = Annotated[Path | None, typer.Option(help="Folder with one file per secret.")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="0 takes any free port.")]
User = Annotated[str, typer.Argument(help="User name or user id.")]
AnyUser = Annotated[str | None, typer.Argument(help="User name or user id; default: all users.")]
