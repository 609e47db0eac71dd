"""Who wants to hear of new devices, and when to look again."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, bindparam, delete, func, select, text, update

from bot.storage.database import Database
from bot.storage.tables import UtcTime, make_insert, watches
from bot.values import list_names

_row: Final = watches.c

_TAKE: Final = (
    text("""
    UPDATE watches SET next_at = :next_at
    WHERE next_at <= :now AND user_id = (
        SELECT user_id FROM watches WHERE next_at <= :now ORDER BY next_at, user_id LIMIT 1
    )
    RETURNING user_id, username, since, next_at, trouble
""")
    .bindparams(bindparam("next_at", type_=UtcTime), bindparam("now", type_=UtcTime))
    .columns(since=UtcTime, next_at=UtcTime)
)


@dataclass(frozen=True, slots=True)
class Watch:
    """One person's alerts; ``trouble`` is why nobody can look at present, which they know."""

    user_id: str
    username: str
    since: datetime
    next_at: datetime
    trouble: str = ""


_COLUMNS: Final = tuple(_row[name] for name in list_names(Watch))


class Watches:
    """At most one watch for each user. Everything raises StorageError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def save(self, watch: Watch) -> None:
        """Keep the watch; one that is there goes on as it is."""
        values = asdict(watch)

        def write(connection: Connection) -> None:
            insert = make_insert(connection, watches).values(values)
            connection.execute(insert.on_conflict_do_nothing())

        await self._database.run(write)

    async def load(self, user_id: str) -> Watch | None:
        """Give the user's watch; None where there is none."""
        query = select(*_COLUMNS).where(_row.user_id == user_id)
        row = await self._database.run(lambda connection: connection.execute(query).one_or_none())
        return Watch(*row) if row else None

    async def count(self) -> int:
        """Count those who want to hear."""
        query = select(func.count()).select_from(watches)
        return await self._database.run(lambda connection: connection.execute(query).scalar_one())

    async def take(self, *, now: datetime, next_at: datetime) -> Watch | None:
        """Give the one that waits longest for a look, and put its next look off; or None."""
        values = {"now": now, "next_at": next_at}
        row = await self._database.run(
            lambda connection: connection.execute(_TAKE, values).one_or_none()
        )
        return Watch(*row) if row else None

    async def note(self, user_id: str, trouble: str) -> None:
        """Remember what stood in the way of the last look; nothing where nothing did."""
        statement = update(watches).where(_row.user_id == user_id).values(trouble=trouble)
        await self._database.run(lambda connection: connection.execute(statement))

    async def delete(self, user_id: str) -> bool:
        """End the watch; false where there was none."""
        statement = delete(watches).where(_row.user_id == user_id)
        return await self._database.run(
            lambda connection: connection.execute(statement).rowcount == 1
        )
