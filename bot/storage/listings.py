"""What stood under which number in the list that a person saw last."""

import json
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, bindparam, delete, select

from bot.storage.database import Database
from bot.storage.tables import listings, make_insert

_row = listings.c
_LOAD: Final = select(_row.groups).where(_row.user_id == bindparam("user"))


class Listings:
    """The last list of each user, as groups of session ids. Everything raises StorageError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def save(self, user_id: str, groups: list[list[str]], now: datetime) -> None:
        """Keep the list: number 1 is the first group, whose first id is its newest session."""
        values = {"user_id": user_id, "groups": json.dumps(groups), "listed_at": now}

        def write(connection: Connection) -> None:
            insert = make_insert(connection, listings).values(values)
            renewed = {name: insert.excluded[name] for name in ("groups", "listed_at")}
            connection.execute(
                insert.on_conflict_do_update(index_elements=["user_id"], set_=renewed)
            )

        await self._database.run(write)

    async def load(self, user_id: str) -> list[list[str]]:
        """Give the last list; empty where there was none."""
        found = await self._database.read(
            lambda connection: connection.execute(_LOAD, {"user": user_id}).scalar_one_or_none()
        )
        groups: list[list[str]] = json.loads(found) if found else []
        return groups

    async def delete(self, user_id: str) -> None:
        """Forget the list of the user."""
        statement = delete(listings).where(_row.user_id == user_id)
        await self._database.run(lambda connection: connection.execute(statement))
