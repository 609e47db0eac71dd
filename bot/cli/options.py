"""Options and arguments that several commands have."""

from pathlib import Path
from typing import Annotated

import typer

Config = Annotated[Path | None, typer.Option(help="TOML file; see config.example.toml.")]
Secrets = Annotated[Path | None, typer.Option(help="Folder with one file per secret.")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="0 takes any free port.")]
User = Annotated[str, typer.Argument(help="User name or user id.")]
AnyUser = Annotated[str | None, typer.Argument(help="User name or user id; default: all users.")]
