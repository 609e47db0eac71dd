"""The tables of the shared scheduler's jobs; procrastinate, which knows them, is an extra."""

from bot.errors import ConfigError
from bot.storage.database import Database
from bot.storage.engine import is_on_server


async def migrate_jobs(database: Database, url: str) -> list[str] | None:
    """Make or update the tables of the jobs; return the new steps, None where there are no jobs.

    Raises ConfigError and StorageError.
    """
    if not is_on_server(url):
        return None
    try:
        from bot.scheduler.shared.job_schema import apply_schema, load_schema  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"[storage] url: {error.name} is not installed;"
            " run: pip install 'session-bot[postgresql]'"
        ) from error
    return await apply_schema(database, load_schema())
