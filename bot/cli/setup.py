"""Commands that set the bot up."""

from typing import Annotated

import typer

from bot.cli.command import command, takes
from bot.cli.init_options import InitOptions
from bot.cli.options import Config, Secrets

commands = typer.Typer()


@command(commands, "init")
@takes(InitOptions)
async def init(options: InitOptions) -> None:
    """Ask a few questions, check the answers, and write a configuration.

    With any option but --config it asks nothing. With an administrator's token it makes the
    bot's account, its token and its OAuth application in the workspace.
    """
    from bot.admin.setup.wizard import Prompter, SetupWizard
    from bot.cli.init_by_options import init_by_options
    from bot.cli.terminal import ask, ask_secret, echo, is_agreed
    from bot.logs import open_logs

    open_logs("CRITICAL", "text")
    if options.is_any_given:
        is_written = await init_by_options(options, echo)
    else:
        prompter = Prompter(ask=ask, ask_secret=ask_secret, confirm=is_agreed, print=echo)
        is_written = await SetupWizard(prompter).run(options.config)
    if not is_written:
        raise typer.Exit(1)


@command(commands, "check")
async def check(
    config: Config = None,
    secrets: Secrets = None,
    *,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Check everything the bot needs, running or not; exit status 1 if there is a problem."""
    from bot.admin.checks.result import Level, find_worst, format_json
    from bot.admin.checks.system import check_config_file
    from bot.cli.terminal import echo
    from bot.logs import open_logs

    # The results say what is wrong; the log would repeat it.
    open_logs("CRITICAL", "text")
    results = []
    async for result in check_config_file(config, secrets):
        results.append(result)
        if not json:
            echo(str(result))
    if json:
        echo(format_json(results))
    if find_worst(results) is Level.PROBLEM:
        raise typer.Exit(1)
