"""The command ``migrate``, which makes or updates all tables."""

from collections.abc import AsyncIterator

from bot.config import Settings
from bot.scheduler.shared.open_cluster import migrate_jobs
from bot.storage.database import migrate_database, open_database


async def migrate(settings: Settings) -> AsyncIterator[str]:
    """Make or update all tables; several processes may do so at once."""
    url = settings.storage.url
    result = await migrate_database(url)
    yield f"Tables of the bot: {_describe_migration(result.before, result.after)}"
    async with open_database(url) as database:
        steps = await migrate_jobs(database, url)
    if steps is None:
        yield "Tables of the jobs: none, only PostgreSQL has them"
    else:
        yield f"Tables of the jobs: {f'{len(steps)} steps applied' if steps else 'up to date'}"


def _describe_migration(before: str, after: str) -> str:
    if not before:
        return f"made, at {after}"
    return f"up to date, at {after}" if before == after else f"updated from {before} to {after}"
