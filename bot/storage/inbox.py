"""The inbox: which messages are being answered, and which have been."""

from datetime import datetime
from typing import Final

from sqlalchemy import bindparam, delete, func, select, text

from bot.storage.database import Database
from bot.storage.tables import UtcTime, inbox

# Written out, as both databases read it: every message passes here, and putting the statement
# together anew would take ten times as long as running it.
_CLAIM: Final = text("""
    INSERT INTO inbox (message_id, claimed_by, claimed_until) VALUES (:message_id, :by, :until)
    ON CONFLICT (message_id) DO UPDATE
    SET claimed_by = excluded.claimed_by, claimed_until = excluded.claimed_until
    WHERE inbox.finished_at IS NULL AND inbox.claimed_until <= :now
""").bindparams(bindparam("until", type_=UtcTime), bindparam("now", type_=UtcTime))

_FINISH: Final = text(
    "UPDATE inbox SET finished_at = :now WHERE message_id = :message_id"
).bindparams(bindparam("now", type_=UtcTime))


class Inbox:
    """Gives each message to one worker, however many share it. Everything raises StorageError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self, message_id: str, *, now: datetime, by: str, until: datetime) -> bool:
        """Take the message; false where it is finished or somebody's whose time is not up."""
        values = {"message_id": message_id, "by": by, "until": until, "now": now}
        return await self._database.run(
            lambda connection: connection.execute(_CLAIM, values).rowcount == 1, is_groupable=True
        )

    async def finish(self, message_id: str, now: datetime) -> None:
        """Mark a claimed message as answered; nobody can claim it again."""
        values = {"message_id": message_id, "now": now}
        await self._database.run(
            lambda connection: connection.execute(_FINISH, values), is_groupable=True
        )

    async def is_finished(self, message_id: str) -> bool:
        """Say whether the message has been answered."""
        query = select(inbox.c.finished_at).where(inbox.c.message_id == message_id)
        when = await self._database.run(
            lambda connection: connection.execute(query).scalar_one_or_none(), is_groupable=True
        )
        return when is not None

    async def sweep(self, before: datetime) -> int:
        """Forget what was finished, or given up, before that time, and say how many."""
        statement = delete(inbox).where(
            func.coalesce(inbox.c.finished_at, inbox.c.claimed_until) < before
        )
        return await self._database.run(lambda connection: connection.execute(statement).rowcount)
