"""Commands that set the bot up."""

from pathlib import Path
from typing import Annotated, Any

import typer

from bot.cli.command import command
from bot.cli.options import Config, Secrets

commands = typer.Typer()


@command(commands, "init")
async def init(
    config: Annotated[Path, typer.Option(help="File to write.")] = Path("config.toml"),
    workspace: Annotated[str | None, typer.Option(help="URL of the Rocket.Chat server.")] = None,
    user_id: Annotated[str | None, typer.Option(help="User id of the bot's account.")] = None,
    token_file: Annotated[
        Path | None, typer.Option(help="Its personal access token: a file, or - for stdin.")
    ] = None,
    admin_id: Annotated[
        str | None, typer.Option(help="User id of an administrator, who has the account made.")
    ] = None,
    admin_token_file: Annotated[
        Path | None, typer.Option(help="The administrator's token: a file, or - for stdin.")
    ] = None,
    admin_code_file: Annotated[
        Path | None,
        typer.Option(help="The code of the administrator's second factor: a file, or - for stdin."),
    ] = None,
    username: Annotated[
        str | None, typer.Option(help="User name of the account to make; default: sessions.")
    ] = None,
    email: Annotated[
        str | None, typer.Option(help="Its e-mail address; default: one that no mail reaches.")
    ] = None,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Port on this machine; default: 8080.")
    ] = None,
    public_url: Annotated[
        str | None, typer.Option(help="URL at which browsers reach the bot.")
    ] = None,
    storage: Annotated[
        str | None, typer.Option(help="Database; default: sqlite:///session-bot.db.")
    ] = None,
    oauth_id: Annotated[
        str | None, typer.Option(help="Client id of the OAuth application.")
    ] = None,
    oauth_secret_file: Annotated[
        Path | None, typer.Option(help="Its client secret: a file, or - for stdin.")
    ] = None,
    room: Annotated[
        str | None, typer.Option(help="Room for the bot's daily status report.")
    ] = None,
    *,
    replace: Annotated[bool, typer.Option("--replace", help="Replace the file.")] = False,
) -> None:
    """Ask a few questions, check the answers, and write a configuration.

    With any option but --config it asks nothing. With an administrator's token it makes the
    bot's account, its token and its OAuth application in the workspace.
    """
    from bot.admin.checks.system import CHECK_TIMEOUT_S
    from bot.admin.setup_options import SetupByOptions, SetupOptions
    from bot.admin.setup_wizard import Prompter, SetupWizard
    from bot.cli.terminal import ask, ask_secret, echo, is_agreed
    from bot.logs import open_logs

    open_logs("CRITICAL", "text")
    options: dict[str, Any] = {
        "workspace": workspace,
        "user_id": user_id,
        "token_file": token_file,
        "admin_id": admin_id,
        "admin_token_file": admin_token_file,
        "admin_code_file": admin_code_file,
        "username": username,
        "email": email,
        "port": port,
        "public_url": public_url,
        "storage": storage,
        "oauth_id": oauth_id,
        "oauth_secret_file": oauth_secret_file,
        "room": room,
        "is_replacing": replace,
    }
    if given := {name: value for name, value in options.items() if value}:
        by_options = SetupByOptions(SetupOptions(**given), echo, CHECK_TIMEOUT_S)
        if not await by_options.run(config):
            raise typer.Exit(1)
        return
    prompter = Prompter(ask=ask, ask_secret=ask_secret, confirm=is_agreed, print=echo)
    if not await SetupWizard(prompter, CHECK_TIMEOUT_S).run(config):
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
