"""Stored times that only a clock which was ahead can have written."""

from datetime import datetime, timedelta

from sqlalchemy import text

from bot.storage.database import open_database

_FAR: timedelta = timedelta(days=2)
_QUERY = text("""
    SELECT 'schedules' FROM schedules WHERE next_at > :limit OR start_at > :limit
    UNION SELECT 'alerts' FROM alert_subscriptions WHERE next_check_at > :limit
    UNION SELECT 'runs' FROM report_runs WHERE claimable_at > :limit AND finished_at IS NULL
    UNION SELECT 'inbox' FROM inbox WHERE claimed_until > :limit AND finished_at IS NULL
    UNION SELECT 'confirmations' FROM confirmations WHERE expires_at > :limit
    UNION SELECT 'links' FROM link_requests WHERE expires_at > :limit
    UNION SELECT 'accounts' FROM accounts WHERE connected_at > :limit OR refreshing_until > :limit
""")


async def find_future_times(url: str, now: datetime) -> set[str]:
    """Return what has a time more than two days ahead, where schedules are daily."""
    limit = int((now + _FAR).timestamp() * 1_000_000)
    async with open_database(url) as database:
        return {row[0] for row in await database.fetch_all(_QUERY, {"limit": limit})}
