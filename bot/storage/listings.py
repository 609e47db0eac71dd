"""What stood under which number in the list that a person saw last."""

import json
from datetime import datetime
from functools import partial
from typing import Final

from sqlalchemy import bindparam, delete, select, text

from bot.storage.database import Database
from bot.storage.statement import Statement
from bot.storage.tables import UtcTime, listings

_row = listings.c
_SAVE: Final = Statement(
    text("""
    INSERT INTO listings (user_id, "groups", listed_at) VALUES (:user_id, :groups, :listed_at)
    ON CONFLICT (user_id) DO UPDATE
    SET "groups" = excluded."groups", listed_at = excluded.listed_at
""").bindparams(bindparam("listed_at", type_=UtcTime))
)
_LOAD: Final = select(_row.groups).where(_row.user_id == bindparam("user"))


class Listings:
    """The last list of each user, as groups of session ids. Everything raises StorageError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def save(self, user_id: str, groups: list[list[str]], now: datetime) -> None:
        """Keep the list: number 1 is the first group, whose first id is its newest session."""
        values = {"user_id": user_id, "groups": json.dumps(groups), "listed_at": now}
        await self._database.run(partial(_SAVE.run, values=values), is_groupable=True)

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
