"""What tests read from the database, and put into it, and the bot never does."""

from datetime import UTC, datetime

from sqlalchemy import insert, select

from bot.storage.database import Database
from bot.storage.tables import accounts, inbox, report_runs


async def is_finished(database: Database, message_id: str) -> bool:
    """Return whether the message has been answered."""
    query = select(inbox.c.finished_at).where(inbox.c.message_id == message_id)
    return await database.fetch_value(query) is not None


async def load_outcomes(database: Database, user_id: str) -> dict[datetime, str]:
    """Return the outcomes of the user's report runs by due time; empty while a run is open."""
    row = report_runs.c
    query = select(row.due_at, row.outcome).where(row.user_id == user_id)
    return {each.due_at: each.outcome for each in await database.fetch_all(query)}


async def add_accounts(database: Database, *user_ids: str) -> None:
    """Store accounts, without a token that works: only of people with one anything is stored."""
    row = {"kind": "oauth", "connected_at": datetime.now(UTC), "language": "", "zone": ""}
    row |= {"username": "", "is_bearer": False, "sealed_token": b"", "token_id": ""}
    for user_id in user_ids:
        await database.execute(insert(accounts), row | {"user_id": user_id})
