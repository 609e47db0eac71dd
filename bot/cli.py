"""The command line: one function per command, run as a coroutine."""

import asyncio
import gc
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from functools import wraps
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, Final, ParamSpec

import structlog
import typer

from bot.admin import accounts_and_keys
from bot.app import open_bot, open_worker
from bot.config import Settings, find_public_files, load_settings
from bot.errors import BotError, ConfigError
from bot.logs import escape_unprintable, open_logs

cli = typer.Typer(
    help="Tells people in Rocket.Chat which devices are signed in as them.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
keys = typer.Typer(help="The keys that seal people's tokens.", no_args_is_help=True)
accounts = typer.Typer(help="Connected accounts and the audit trail.", no_args_is_help=True)
cli.add_typer(keys, name="keys")
cli.add_typer(accounts, name="accounts")

Config = Annotated[Path | None, typer.Option(help="TOML file; see config.example.toml.")]
Secrets = Annotated[Path | None, typer.Option(help="Folder with one file per secret.")]
User = Annotated[str, typer.Argument(help="User name or user id.")]
AnyUser = Annotated[str | None, typer.Argument(help="User name or user id; default: all users.")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="0 takes any free port.")]

Parameters = ParamSpec("Parameters")
CommandFunction = Callable[Parameters, Coroutine[Any, Any, None]]

_STOP_TIMEOUT_S: Final = 11.5  # answers that are being given get 10 of them
_GC_THRESHOLD: Final = 20_000  # young objects; a burst keeps thousands of tasks alive


def main() -> None:
    """Run the command line."""
    open_logs("INFO", "text")  # until the settings are known
    try:
        cli()
    except (Exception, BaseExceptionGroup):  # noqa: BLE001 - a traceback may hold a secret
        # Through the log, which strikes out secrets. Not in sys.excepthook, which typer replaces.
        structlog.get_logger("cli").exception("the program failed")
        sys.exit(1)


def _command(
    group: typer.Typer, name: str
) -> Callable[[CommandFunction[Parameters]], CommandFunction[Parameters]]:
    """Register a coroutine function as a command, which ends with the exit status."""

    def register(function: CommandFunction[Parameters]) -> CommandFunction[Parameters]:
        @wraps(function)
        def command(*args: Parameters.args, **kwargs: Parameters.kwargs) -> None:
            _run_to_exit_status(function(*args, **kwargs))

        group.command(name)(command)
        return function

    return register


@_command(cli, "run")
async def run(config: Config = None, secrets: Secrets = None) -> None:
    """Run the bot."""
    settings = _load_for_service(config, secrets)
    async with open_bot(settings) as bot:
        _tune_garbage_collector()
        await bot.run()


@_command(cli, "work")
async def work(config: Config = None, secrets: Secrets = None) -> None:
    """Run scheduled jobs only, beside running bots; needs PostgreSQL."""
    settings = _load_for_service(config, secrets)
    async with open_worker(settings) as worker:
        _tune_garbage_collector()
        await worker.run()


@_command(cli, "migrate")
async def migrate(config: Config = None, secrets: Secrets = None) -> None:
    """Make or update the database tables, as run and work do when they start."""
    await _print_lines(accounts_and_keys.migrate(_load_for_operator(config, secrets)))


@_command(cli, "demo")
async def demo(
    port: Port = 3000,
    say: Annotated[str | None, typer.Option(help="Say this as Alice, print the answer.")] = None,
    *,
    browser: Annotated[bool, typer.Option(help="Open the page in a browser.")] = True,
) -> None:
    """Try the bot in a simulated workspace; nothing to install or configure."""
    from bot.demo.demo import run_demo, say_in_demo  # noqa: PLC0415 - keeps the simulator out of the bot's process

    open_logs("WARNING", "text")
    if say is None:
        await run_demo(port, is_browser_wanted=browser)
    else:
        await say_in_demo(say)


@_command(cli, "simulate")
async def simulate(
    port: Port = 3000,
    server: Annotated[str, typer.Option(help="Rocket.Chat version: 6.5, 7.7, 8.3, 8.8.")] = "8.3",
    *,
    licensed: Annotated[bool, typer.Option(help="With device management or without.")] = True,
) -> None:
    """Run the simulated workspace alone, and print what a bot needs to log in there."""
    from bot.demo.demo import run_simulated_workspace  # noqa: PLC0415 - as above

    open_logs("WARNING", "text")
    await run_simulated_workspace(port, server, is_licensed=licensed)


@_command(cli, "check")
async def check(config: Config = None, secrets: Secrets = None) -> None:
    """Check everything the bot needs, running or not; exit status 1 if there is a problem."""
    from bot.admin.check import check_config_file  # noqa: PLC0415 - as above
    from bot.admin.check_result import Level  # noqa: PLC0415 - as above

    # The results say what is wrong; the log would repeat it.
    open_logs("CRITICAL", "text")
    has_problem = False
    async for result in check_config_file(config, secrets):
        _echo(str(result))
        has_problem = has_problem or result.level is Level.PROBLEM
    if has_problem:
        raise typer.Exit(1)


@_command(cli, "init")
async def init(
    config: Annotated[Path, typer.Option(help="File to write.")] = Path("config.toml"),
) -> None:
    """Ask a few questions, check the answers, and write a configuration."""
    from bot.admin.check import CHECK_TIMEOUT_S  # noqa: PLC0415 - as above
    from bot.admin.setup_wizard import Prompter, SetupWizard  # noqa: PLC0415 - as above

    open_logs("CRITICAL", "text")
    prompter = Prompter(
        ask=lambda question, default: str(typer.prompt(question, default=default or None)),
        ask_secret=lambda question: str(typer.prompt(question, hide_input=True)),
        confirm=typer.confirm,
        print=_echo,
    )
    if not await SetupWizard(prompter, CHECK_TIMEOUT_S).run(config):
        raise typer.Exit(1)


@cli.command("version")
def show_version() -> None:
    """Print the version."""
    typer.echo(version("session-bot"))


@_command(keys, "new")
async def make_key(config: Config = None, secrets: Secrets = None) -> None:
    """Make a new key, which seals from now on; the old keys still open."""
    await _print_lines(accounts_and_keys.make_key(_load_for_operator(config, secrets)))


@_command(keys, "list")
async def list_keys(config: Config = None, secrets: Secrets = None) -> None:
    """List the keys by id, with the number of tokens that each has sealed."""
    await _print_lines(accounts_and_keys.list_keys(_load_for_operator(config, secrets)))


@_command(keys, "rotate")
async def rotate_keys(config: Config = None, secrets: Secrets = None) -> None:
    """Reseal everything with the newest key, while the bot runs; can be stopped and repeated."""
    await _print_lines(accounts_and_keys.rotate_keys(_load_for_operator(config, secrets)))


@_command(accounts, "list")
async def list_accounts(config: Config = None, secrets: Secrets = None) -> None:
    """List the connected accounts, with the kind of their token."""
    await _print_lines(accounts_and_keys.list_accounts(_load_for_operator(config, secrets)))


@_command(accounts, "audit")
async def show_audit(user: AnyUser = None, config: Config = None, secrets: Secrets = None) -> None:
    """Show what was done with people's tokens in the last 90 days."""
    await _print_lines(accounts_and_keys.show_audit(_load_for_operator(config, secrets), user))


@_command(accounts, "forget")
async def forget_account(user: User, config: Config = None, secrets: Secrets = None) -> None:
    """Delete everything that is stored about a user."""
    await _print_lines(accounts_and_keys.forget_account(_load_for_operator(config, secrets), user))


def _load_for_service(config: Path | None, secrets: Path | None) -> Settings:
    settings = load_settings(config, secrets=secrets)
    open_logs(settings.log.level, settings.log.format)
    for file in find_public_files(settings, config, secrets):
        structlog.get_logger("cli").warning(
            "a file can be read by every user of this machine; run chmod o= on it", file=str(file)
        )
    return settings


def _load_for_operator(config: Path | None, secrets: Path | None) -> Settings:
    settings = load_settings(config, secrets=secrets)
    open_logs("WARNING", "text")
    return settings


async def _print_lines(lines: AsyncIterator[str]) -> None:
    async for line in lines:
        _echo(line)


def _echo(text: str, *, err: bool = False) -> None:
    # Names and reasons come from the workspace, and must not control the terminal.
    typer.echo(escape_unprintable(text), err=err)


def _tune_garbage_collector() -> None:
    """Exclude the objects of the start from garbage collection, and collect less often.

    With the defaults it took a fifth of a burst's CPU time, up to 80 ms at once.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_GC_THRESHOLD)


def _run_to_exit_status(work: Coroutine[Any, Any, None]) -> None:
    """Run until done or stopped by a signal; exit 1 for a BotError, 2 for a ConfigError."""
    try:
        asyncio.run(_run_until_terminated(work))
    except (KeyboardInterrupt, asyncio.CancelledError):
        return
    except (BotError, BaseExceptionGroup) as error:
        problems = list(_flatten(error))
        if not all(isinstance(problem, BotError) for problem in problems):
            raise
        for problem in problems:
            _echo(f"session-bot: {problem}", err=True)
        is_config_wrong = any(isinstance(problem, ConfigError) for problem in problems)
        raise typer.Exit(2 if is_config_wrong else 1) from None


async def _run_until_terminated(work: Awaitable[None]) -> None:
    task = asyncio.current_task()
    if task is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, _stop, task)
    await work


def _stop(task: "asyncio.Task[None]") -> None:
    task.cancel()
    giving_up = threading.Timer(_STOP_TIMEOUT_S, _give_up)
    giving_up.daemon = True  # it does not keep a program that has ended in time
    giving_up.start()


def _give_up() -> None:
    """End the program where a database or a thread hangs; a start goes on where it stopped."""
    seconds = _STOP_TIMEOUT_S
    structlog.get_logger("cli").error("stopping took too long; ended by force", seconds=seconds)
    os._exit(1)


def _flatten(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            yield from _flatten(each)
    else:
        yield error
