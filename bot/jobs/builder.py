"""Builds the clock that several processes share."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bot.jobs.cluster import Cluster
from bot.jobs.queue import open_queue
from bot.jobs.schema import load_schema
from bot.scheduler.builder import ClockParts, Sleep, make_duties
from bot.storage.foreign_schema import apply_schema


@asynccontextmanager
async def open_cluster(parts: ClockParts, url: str, sleep: Sleep) -> AsyncIterator[Cluster]:
    """Open the queue in the database at ``url``, its tables made as needed; raise StorageError."""
    await apply_schema(parts.database, load_schema())
    async with open_queue(url) as queue:
        yield Cluster(queue, make_duties(parts), sleep)
