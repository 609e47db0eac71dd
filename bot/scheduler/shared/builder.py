"""Builds the clock that several processes share."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bot.scheduler.builder import ClockParts, Sleep, make_duties
from bot.scheduler.shared.cluster import Cluster
from bot.scheduler.shared.job_queue import open_queue
from bot.scheduler.shared.job_schema import apply_schema, load_schema


@asynccontextmanager
async def open_cluster(parts: ClockParts, url: str, sleep: Sleep) -> AsyncIterator[Cluster]:
    """Open the queue in the database at ``url``, its tables made as needed; raise StorageError."""
    await apply_schema(parts.database, load_schema())
    async with open_queue(url) as queue:
        yield Cluster(queue, make_duties(parts), sleep)
