"""Times that lie further ahead than the program can have meant: a wrong clock has stored them."""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, delete, update

from bot.storage.database import Database
from bot.storage.tables import accounts, confirmations, inbox, link_requests, report_runs

MAX_AHEAD: Final = timedelta(hours=1)
"""More than any claim, link, question or pause between tries lasts."""

_UNTIL: Final = (
    inbox.c.claimed_until,
    report_runs.c.claimable_at,
    accounts.c.refreshing_until,
    link_requests.c.expires_at,
    confirmations.c.expires_at,
)


async def cut_future_times(database: Database, now: datetime) -> None:
    """Let claims, links and questions end now that would otherwise end later than possible.

    Schedules and alert checks have spans of their own, which their services know. Raises
    StorageError.
    """
    await database.write(lambda connection: _cut(connection, now))


def _cut(connection: Connection, now: datetime) -> None:
    limit = now + MAX_AHEAD
    # What was due then is due again at its true time.
    is_open = report_runs.c.finished_at.is_(None)
    connection.execute(delete(report_runs).where(report_runs.c.due_at > limit, is_open))
    for column in _UNTIL:
        cut = update(column.table).where(column > limit).values({column.name: now})
        connection.execute(cut)
    refreshed_at = accounts.c.refreshed_at
    # When its access token really ends is not known: a refresh finds it out.
    connection.execute(
        update(accounts).where(refreshed_at > limit).values(refreshed_at=now, expires_at=now)
    )
    connected_at = accounts.c.connected_at
    connection.execute(update(accounts).where(connected_at > limit).values(connected_at=now))
