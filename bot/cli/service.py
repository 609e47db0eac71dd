"""Running the bot or a worker until it is stopped."""

import asyncio
import gc
import signal
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from importlib.metadata import version
from pathlib import Path
from typing import Final

import structlog

from bot.cli.exit_status import stop_by
from bot.config import Settings, find_public_files, load_settings
from bot.errors import WorkspaceError
from bot.lifecycle import Bot, Worker
from bot.logs import open_logs
from bot.storage.engine import describe_database

_VERSION_TIMEOUT_S: Final = 3.0


async def serve(
    config: Path | None,
    secrets: Path | None,
    open_service: Callable[[Settings], AbstractAsyncContextManager[Bot | Worker]],
) -> None:
    """Run what is opened until it is cancelled; log its start and its end."""
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, _ignore_hangup)
    # asyncio's own handler cancels in the middle of whatever runs, where it may be lost.
    stop_by(signal.SIGINT)
    settings, began_at = load_for_service(config, secrets), time.monotonic()
    log = structlog.get_logger("cli")
    log.info("starting", version=version("session-bot"), configuration=str(config or "none"))
    try:
        async with open_service(settings) as service, asyncio.TaskGroup() as tasks:
            # Excludes the objects of the start from garbage collection. To collect first would take
            # 50 ms, 4 % of a start, and find a hundred objects.
            gc.freeze()
            # Beside the work: people need not wait until the workspace has told its version.
            tasks.create_task(_log_start(settings, service))
            await service.run()
    finally:
        log.info("stopped", after_seconds=round(time.monotonic() - began_at))


async def _log_start(settings: Settings, service: Bot | Worker) -> None:
    structlog.get_logger("cli").info(
        "started",
        version=version("session-bot"),
        workspace=settings.workspace.url,
        rocket_chat=await find_workspace_version(service),
        address=f"{settings.web.host}:{settings.web.port}",
        public_url=service.public_url,
        database=describe_database(settings.storage.url),
    )


def load_for_service(config: Path | None, secrets: Path | None) -> Settings:
    """Load the settings, and log as they say; raise ConfigError."""
    settings = load_settings(config, secrets=secrets)
    open_logs(settings.log.level, settings.log.format)
    for file in find_public_files(settings, config, secrets):
        structlog.get_logger("cli").warning(
            "a file can be read by every user of this machine; run chmod o= on it", file=str(file)
        )
    return settings


def _ignore_hangup() -> None:
    """Go on: a terminal that closes, or a habit of reloading, must not end the service."""
    structlog.get_logger("cli").warning(
        "SIGHUP is ignored: the settings are read at the start only; restart to change them"
    )


async def find_workspace_version(service: Bot | Worker) -> str:
    """Return the workspace's version, as in ``8.3``, or ``unknown``."""
    try:
        async with asyncio.timeout(_VERSION_TIMEOUT_S):
            return await service.fetch_version()
    except (WorkspaceError, TimeoutError):
        return "unknown"
