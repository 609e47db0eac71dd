"""What people were asked to confirm: one thing each, in one room, for a short time."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, delete

from bot.storage.database import Database
from bot.storage.tables import confirmations, make_insert

_row = confirmations.c


@dataclass(frozen=True, slots=True)
class Confirmation:
    """Somebody was asked whether to do this; ``action`` is opaque here."""

    user_id: str
    room_id: str
    action: str
    expires_at: datetime


_COLUMNS: Final = tuple(confirmations.c[name] for name in Confirmation.__slots__)


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

    async def consume(self, user_id: str, room_id: str, now: datetime) -> Confirmation | None:
        """Take the question, which is then gone; None if none waits here or its time is up."""
        statement = (
            delete(confirmations)
            .where(_row.user_id == user_id, _row.room_id == room_id, _row.expires_at > now)
            .returning(*_COLUMNS)
        )
        row = await self._database.run(
            lambda connection: connection.execute(statement).one_or_none()
        )
        return Confirmation(*row) if row else None

    async def delete(self, user_id: str) -> None:
        """Withdraw what the user was asked."""
        statement = delete(confirmations).where(_row.user_id == user_id)
        await self._database.run(lambda connection: connection.execute(statement))
