"""Opening the shared scheduler, and its jobs' tables, where procrastinate is installed."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TYPE_CHECKING

from bot.errors import ConfigError, make_missing_extra
from bot.scheduler.task_runner import TaskRunner
from bot.storage.database import Database
from bot.storage.engine import is_on_server

if TYPE_CHECKING:
    from bot.scheduler.shared.cluster import Cluster


async def migrate_jobs(database: Database, url: str) -> list[str] | None:
    """Make or update the tables of the jobs; return the new steps, None where there are no jobs.

    Raises ConfigError and StorageError.
    """
    if not is_on_server(url):
        return None
    try:
        from bot.scheduler.shared.job_schema import apply_schema, load_schema  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        raise make_missing_extra("[storage] url", error.name, "postgresql") from error
    return await apply_schema(database, load_schema())


@asynccontextmanager
async def open_cluster(
    database: Database,
    url: str,
    runner: TaskRunner,
    now: Callable[[], datetime],
    sleep: Callable[[float], Awaitable[None]],
) -> "AsyncIterator[Cluster]":
    """Open the scheduler that processes on one PostgreSQL share; raise ConfigError without."""
    if await migrate_jobs(database, url) is None:
        raise ConfigError("[storage] url: several processes can share the work on PostgreSQL only")
    from bot.scheduler.shared.cluster import Cluster  # noqa: PLC0415 - an extra
    from bot.scheduler.shared.job_queue import open_queue  # noqa: PLC0415 - an extra

    async with open_queue(url) as queue:
        yield Cluster(queue, runner, now, sleep)
