"""The program: the groups of its commands, and what applies to all of them."""

import gc
import sys
from typing import Annotated, Final

import typer

from bot.cli import accounts, databases, keys, running, setup

# Young objects; a burst keeps thousands of tasks alive. With the defaults, collecting took a fifth
# of its CPU time, up to 80 ms at once.
_GC_THRESHOLD: Final = 20_000

program = typer.Typer(
    help="Tells people in Rocket.Chat which devices are signed in as them.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
# The order is that of --help. A new module of commands needs its name here, and nothing else.
for module in (setup, running, databases):
    program.add_typer(module.commands)
program.add_typer(accounts.commands, name="accounts")
program.add_typer(keys.commands, name="keys")


def main() -> None:
    """Run the command line."""
    # Before the imports, most of whose objects stay.
    gc.set_threshold(_GC_THRESHOLD)
    try:
        program()
    except (Exception, BaseExceptionGroup):  # noqa: BLE001 - a traceback may hold a secret
        _log_crash()
        sys.exit(1)


def _log_crash() -> None:
    """Log the error that is handled; the log strikes out secrets, unlike ``sys.excepthook``."""
    import structlog

    from bot.logs import open_logs

    if not structlog.is_configured():
        open_logs("INFO", "text")
    structlog.get_logger("cli").exception("the program failed")


def _print_version(is_wanted: bool) -> None:  # noqa: FBT001 - typer calls it by position
    if is_wanted:
        from importlib.metadata import version

        typer.echo(f"session-bot {version('session-bot')}")
        raise typer.Exit


@program.callback()
def _accept_options(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    pass
