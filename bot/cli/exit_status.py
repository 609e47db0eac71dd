"""Running a command's coroutine until it is done or a signal stops it."""

import asyncio
import os
import signal
import threading
from collections.abc import Awaitable, Coroutine, Iterator
from typing import Any, Final

import structlog
import typer

from bot.cli.terminal import echo
from bot.errors import BotError, ConfigError
from bot.logs import open_logs

_STOP_TIMEOUT_S: Final = 11.5  # answers that are being given get 10 of them


def run_to_exit_status(work: Coroutine[Any, Any, None]) -> None:
    """Run until done or stopped by a signal; exit 1 for a BotError, 2 for a ConfigError."""
    open_logs("INFO", "text")  # until the settings are known
    try:
        asyncio.run(_run_until_terminated(work))
    except (KeyboardInterrupt, asyncio.CancelledError):
        return
    except (BotError, BaseExceptionGroup) as error:
        problems = list(_flatten(error))
        if not all(isinstance(problem, BotError) for problem in problems):
            raise
        for problem in problems:
            echo(f"session-bot: {problem}", err=True)
        is_config_wrong = any(isinstance(problem, ConfigError) for problem in problems)
        raise typer.Exit(2 if is_config_wrong else 1) from None


async def _run_until_terminated(work: Awaitable[None]) -> None:
    stop_by(signal.SIGTERM)
    await work


def stop_by(number: signal.Signals) -> None:
    """Let a signal cancel the running task; when it comes again, it ends the program at once."""
    task = asyncio.current_task()
    if task is not None:
        asyncio.get_running_loop().add_signal_handler(number, _stop, task, number)


def _stop(task: "asyncio.Task[None]", number: signal.Signals) -> None:
    if task.cancelling():
        structlog.get_logger("cli").error("signalled twice; ended by force", signal=number.name)
        os._exit(1)
    structlog.get_logger("cli").info("stopping", signal=number.name)
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
