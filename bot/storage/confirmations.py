"""What people were asked to confirm: one thing each, in one room, for a short time."""

from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, select, update

from bot.storage.database import Database
from bot.storage.tables import confirmations, inbox, make_insert

_row = confirmations.c


@dataclass(frozen=True, slots=True)
class Confirmation:
    """Somebody was asked whether to do this; ``action`` is opaque here."""

    user_id: str
    room_id: str
    action: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Taken:
    """What somebody confirmed; a repeat has been taken before, and perhaps been done."""

    action: str
    is_repeat: bool


class Confirmations:
    """The questions that wait for ``!confirm``. Everything raises StorageError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def save(self, confirmation: Confirmation) -> None:
        """Keep the question; an earlier one of the same user is withdrawn."""
        values = asdict(confirmation)

        def write(connection: Connection) -> None:
            insert = make_insert(connection, confirmations).values(values)
            renewed = {name: insert.excluded[name] for name in values if name != "user_id"}
            connection.execute(
                insert.on_conflict_do_update(index_elements=["user_id"], set_=renewed)
            )

        await self._database.run(write)

    async def consume(
        self, user_id: str, room_id: str, now: datetime, message_id: str
    ) -> Taken | None:
        """Take the question, which is then gone; None if none waits here or its time is up.

        The inbox remembers what was taken for the message that confirmed it until that is
        finished; asking for the same message again gives it again, as a repeat.
        """

        def take(connection: Connection) -> Taken | None:
            mine = inbox.c.message_id == message_id
            taken = connection.scalar(select(inbox.c.action).where(mine))
            if taken is not None:
                return Taken(taken, is_repeat=True)
            action = connection.scalar(
                delete(confirmations)
                .where(_row.user_id == user_id, _row.room_id == room_id, _row.expires_at > now)
                .returning(_row.action)
            )
            if action is None:
                return None
            connection.execute(update(inbox).where(mine).values(action=action))
            return Taken(action, is_repeat=False)

        return await self._database.run(take)

    async def delete(self, user_id: str) -> None:
        """Withdraw what the user was asked."""
        statement = delete(confirmations).where(_row.user_id == user_id)
        await self._database.run(lambda connection: connection.execute(statement))
