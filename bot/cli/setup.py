"""Commands that set the bot up."""

from pathlib import Path
from typing import Annotated

import typer

from bot.cli.command import command
from bot.cli.options import Config, Secrets

commands = typer.Typer()


@command(commands, "init")
async def init(
    config: Annotated[Path, typer.Option(help="File to write.")] = Path("config.toml"),
) -> None:
    """Ask a few questions, check the answers, and write a configuration."""
    from bot.admin.check import CHECK_TIMEOUT_S
    from bot.admin.setup_wizard import Prompter, SetupWizard
    from bot.cli.terminal import echo
    from bot.logs import open_logs

    open_logs("CRITICAL", "text")
    prompter = Prompter(
        ask=lambda question, default: str(typer.prompt(question, default=default or None)),
        ask_secret=lambda question: str(typer.prompt(question, hide_input=True)),
        confirm=typer.confirm,
        print=echo,
    )
    if not await SetupWizard(prompter, CHECK_TIMEOUT_S).run(config):
        raise typer.Exit(1)


@command(commands, "check")
async def check(config: Config = None, secrets: Secrets = None) -> None:
    """Check everything the bot needs, running or not; exit status 1 if there is a problem."""
    from bot.admin.check import check_config_file
    from bot.admin.check_result import Level
    from bot.cli.terminal import echo
    from bot.logs import open_logs

    # The results say what is wrong; the log would repeat it.
    open_logs("CRITICAL", "text")
    has_problem = False
    async for result in check_config_file(config, secrets):
        echo(str(result))
        has_problem = has_problem or result.level is Level.PROBLEM
    if has_problem:
        raise typer.Exit(1)
