"""The front door: ``session-bot run``, ``work``, ``migrate``, ``demo``, ``keys …`` and others."""

import asyncio
import gc
import signal
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from bot.admin import accounts_and_keys
from bot.app import open_bot, open_worker
from bot.config import Settings, load_settings
from bot.errors import BotError, ConfigError
from bot.logs import open_logs

cli = typer.Typer(
    help="Tells people in Rocket.Chat which devices are signed in as them.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

keys = typer.Typer(help="The keys that seal people's tokens.", no_args_is_help=True)
accounts = typer.Typer(help="Who has connected, and what was done.", no_args_is_help=True)
cli.add_typer(keys, name="keys")
cli.add_typer(accounts, name="accounts")

Config = Annotated[Path | None, typer.Option(help="TOML file; see config.example.toml.")]
Secrets = Annotated[Path | None, typer.Option(help="Folder with a file per secret.")]
User = Annotated[str, typer.Argument(help="User name or user id.")]
AnyUser = Annotated[str | None, typer.Argument(help="User name or user id; all without it.")]
Work = Callable[[Settings], AsyncIterator[str]]
Port = Annotated[int, typer.Option(min=0, max=65535, help="0 takes any free port.")]

_YOUNG_OBJECTS: Final = 20_000
"""So many may come before the collector looks at them; a burst has thousands of tasks in hand."""


def main() -> None:
    """Run the command line."""
    cli()


@cli.command()
def run(
    config: Config = None,
    secrets: Secrets = None,
) -> None:
    """Run the bot."""
    _end_with_status(_run(config, secrets))


@cli.command()
def work(config: Config = None, secrets: Secrets = None) -> None:
    """Help running bots with reports and alerts, without listening; on PostgreSQL."""
    _end_with_status(_work(config, secrets))


@cli.command()
def migrate(config: Config = None, secrets: Secrets = None) -> None:
    """Make or update the tables in the database, as run and work do when they start."""
    _operate(config, secrets, accounts_and_keys.migrate)


@cli.command()
def demo(
    port: Port = 3000,
    say: Annotated[str | None, typer.Option(help="Say this as Alice, print the answer.")] = None,
    *,
    browser: Annotated[bool, typer.Option(help="Open the page in a browser.")] = True,
) -> None:
    """Try the bot in a simulated workspace; nothing to install or configure."""
    from bot.demo.demo import run_demo, say_in_demo  # noqa: PLC0415 - what runs for years has no use for it

    open_logs("WARNING", "text")
    if say is None:
        _end_with_status(run_demo(port, is_browser_wanted=browser))
    else:
        _end_with_status(say_in_demo(say))


@cli.command()
def simulate(
    port: Port = 3000,
    server: Annotated[str, typer.Option(help="Rocket.Chat version: 6.5, 7.7, 8.3, 8.8.")] = "8.3",
    *,
    licensed: Annotated[bool, typer.Option(help="With device management or without.")] = True,
) -> None:
    """Run the simulated workspace alone, and print what a bot needs to log in there."""
    from bot.demo.demo import run_simulated_workspace  # noqa: PLC0415 - as above

    open_logs("WARNING", "text")
    _end_with_status(run_simulated_workspace(port, server, is_licensed=licensed))


@cli.command()
def check(config: Config = None, secrets: Secrets = None) -> None:
    """Try everything the bot needs, running or not; status 1 where something is missing."""
    _end_with_status(_check(config, secrets))


@cli.command()
def init(
    config: Annotated[Path, typer.Option(help="Where to put it.")] = Path("config.toml"),
) -> None:
    """Ask a few questions, try the answers, and write a configuration."""
    open_logs("CRITICAL", "text")
    _end_with_status(_interview(config))


@cli.command(name="version")
def show_version() -> None:
    """Print the version."""
    typer.echo(version("session-bot"))


@keys.command("new")
def make_key(config: Config = None, secrets: Secrets = None) -> None:
    """Make a new key, which seals from now on; the old ones go on opening."""
    _operate(config, secrets, accounts_and_keys.make_key)


@keys.command("list")
def list_keys(config: Config = None, secrets: Secrets = None) -> None:
    """Name the keys by their ids, and count what each has sealed."""
    _operate(config, secrets, accounts_and_keys.list_keys)


@keys.command("rotate")
def rotate_keys(config: Config = None, secrets: Secrets = None) -> None:
    """Seal everything with the newest key, while the bot runs; can be stopped and repeated."""
    _operate(config, secrets, accounts_and_keys.rotate_keys)


@accounts.command("list")
def list_accounts(config: Config = None, secrets: Secrets = None) -> None:
    """Show who has connected, since when and how."""
    _operate(config, secrets, accounts_and_keys.list_accounts)


@accounts.command("audit")
def show_audit(user: AnyUser = None, config: Config = None, secrets: Secrets = None) -> None:
    """Show what was done with people's tokens in the last 90 days."""
    _operate(config, secrets, partial(accounts_and_keys.show_audit, user=user))


@accounts.command("forget")
def forget_account(user: User, config: Config = None, secrets: Secrets = None) -> None:
    """Erase everything that is stored about somebody."""
    _operate(config, secrets, partial(accounts_and_keys.forget_account, user=user))


def _operate(config: Path | None, secrets: Path | None, work: Work) -> None:
    _end_with_status(_print(config, secrets, work))


async def _print(config: Path | None, secrets: Path | None, work: Work) -> None:
    settings = load_settings(config, secrets=secrets)
    open_logs("WARNING", "text")
    async for line in work(settings):
        typer.echo(line)


async def _run(config: Path | None, secrets: Path | None) -> None:
    settings = load_settings(config, secrets=secrets)
    open_logs(settings.log.level, settings.log.format)
    async with open_bot(settings) as bot:
        _spare_the_collector()
        await bot.run()


async def _work(config: Path | None, secrets: Path | None) -> None:

    settings = load_settings(config, secrets=secrets)
    open_logs(settings.log.level, settings.log.format)
    async with open_worker(settings) as worker:
        _spare_the_collector()
        await worker.run()


def _spare_the_collector() -> None:
    """Keep what stays for good, which is most of all there is, out of its rounds.

    They took a fifth of the CPU time of a burst, up to 80 ms at once.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG_OBJECTS)


async def _interview(config: Path) -> None:
    from bot.admin.check import PATIENCE  # noqa: PLC0415 - as above
    from bot.admin.setup_wizard import Prompter, SetupWizard  # noqa: PLC0415 - as above

    def ask(question: str, usual: str) -> str:
        return str(typer.prompt(question, default=usual or None))

    def ask_unseen(question: str) -> str:
        return str(typer.prompt(question, hide_input=True))

    mouth = Prompter(ask, ask_unseen, typer.confirm, typer.echo)
    if not await SetupWizard(mouth, PATIENCE).run(config):
        raise typer.Exit(1)


async def _check(config: Path | None, secrets: Path | None) -> None:
    from bot.admin.check import check_configured  # noqa: PLC0415 - as above
    from bot.admin.check_result import Level  # noqa: PLC0415 - as above

    # What is wrong is said on a line of its own, once.
    open_logs("CRITICAL", "text")
    is_well = True
    async for finding in check_configured(config, secrets):
        typer.echo(str(finding))
        is_well = is_well and finding.level is not Level.PROBLEM
    if not is_well:
        raise typer.Exit(1)


def _end_with_status(work: Coroutine[Any, Any, None]) -> None:
    try:
        asyncio.run(_until_terminated(work))
    except (KeyboardInterrupt, asyncio.CancelledError):
        return
    except (BotError, BaseExceptionGroup) as error:
        problems = list(_find_problems(error))
        if not all(isinstance(problem, BotError) for problem in problems):
            raise
        for problem in problems:
            typer.echo(f"session-bot: {problem}", err=True)
        is_set_wrong = any(isinstance(problem, ConfigError) for problem in problems)
        raise typer.Exit(2 if is_set_wrong else 1) from None


async def _until_terminated(work: Coroutine[Any, Any, None]) -> None:
    task = asyncio.current_task()
    if task is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    await work


def _find_problems(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            yield from _find_problems(each)
    else:
        yield error
