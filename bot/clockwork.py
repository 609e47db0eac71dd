"""What is done by the clock: by this process alone, or by all that share a PostgreSQL."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from typing import Protocol

from bot.errors import ConfigError
from bot.scheduler.builder import ClockParts, Sleep, make_scheduler
from bot.storage.database import Database
from bot.storage.engine import is_on_server


class Clockwork(Protocol):
    """Does errands when their time has come."""

    async def run(self) -> None:
        """Work until cancelled; raise TokenRejectedError where the workspace refuses the bot."""


class SharedClockwork(Clockwork, Protocol):
    """The same, together with other processes."""

    @property
    def is_alive(self) -> bool:
        """Whether its loop turns; if not, only a new start helps."""


@asynccontextmanager
async def open_clockwork(parts: ClockParts, url: str, sleep: Sleep) -> AsyncIterator[Clockwork]:
    """Open what suits the database at ``url``; raise ConfigError and StorageError."""
    if is_on_server(url):
        async with open_shared_clockwork(parts, url, sleep) as shared:
            yield shared
    else:
        yield make_scheduler(parts, sleep)


def open_shared_clockwork(
    parts: ClockParts, url: str, sleep: Sleep
) -> AbstractAsyncContextManager[SharedClockwork]:
    """Open what many processes may share; raise ConfigError where the database cannot do that."""
    if not is_on_server(url):
        raise ConfigError("[storage] url: several processes can share the work on PostgreSQL only")
    with _explained_absence():
        from bot.scheduler.shared.builder import open_cluster  # noqa: PLC0415 - its library is an extra
    return open_cluster(parts, url, sleep)


async def migrate_jobs(database: Database, url: str) -> list[str] | None:
    """Make or update the tables of the jobs; give the steps taken, None where there are no jobs.

    Raises ConfigError and StorageError.
    """
    if not is_on_server(url):
        return None
    with _explained_absence():
        from bot.scheduler.shared.job_schema import apply_schema, load_schema  # noqa: PLC0415 - its library is an extra
    return await apply_schema(database, load_schema())


@contextmanager
def _explained_absence() -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"[storage] url: {error.name} is not installed;"
            " run: pip install 'session-bot[postgresql]'"
        ) from error
