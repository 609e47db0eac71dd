"""Commands for connected accounts and the audit trail."""

from typing import Annotated

import typer

from bot.cli.command import command
from bot.cli.options import AnyUser, Config, Secrets, User

commands = typer.Typer(help="Connected accounts and the audit trail.", no_args_is_help=True)


@command(commands, "list")
async def list_accounts(config: Config = None, secrets: Secrets = None) -> None:
    """List the connected accounts, with the kind of their token."""
    from bot.admin import accounts
    from bot.cli.operating import load_for_operator, print_lines

    await print_lines(accounts.list_accounts(load_for_operator(config, secrets)))


@command(commands, "audit")
async def show_audit(user: AnyUser = None, config: Config = None, secrets: Secrets = None) -> None:
    """Show what was done with people's tokens in the last 90 days."""
    from bot.admin import accounts
    from bot.cli.operating import load_for_operator, print_lines

    await print_lines(accounts.show_audit(load_for_operator(config, secrets), user))


@command(commands, "forget")
async def forget_account(
    user: User,
    config: Config = None,
    secrets: Secrets = None,
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Erase everything that is stored about a user, after asking."""
    from bot.admin import accounts
    from bot.cli.operating import load_for_operator, print_lines
    from bot.cli.terminal import confirm, refuse_without_terminal

    if not yes:
        refuse_without_terminal("add --yes to erase without asking")
    settings = load_for_operator(config, secrets)
    ask = (lambda _: None) if yes else confirm
    await print_lines(accounts.forget_account(settings, user, ask))
