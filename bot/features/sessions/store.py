"""The names that people gave their devices."""

import json
from datetime import datetime
from functools import partial
from typing import Final

from sqlalchemy import Connection, bindparam, delete, select, text

from bot.storage.database import Database
from bot.storage.statement import Statement
from bot.storage.tables import UtcTime, device_names, listings, make_insert

_row = device_names.c
_LOAD: Final = Statement(
    select(_row.device_key, _row.name).where(_row.user_id == bindparam("user"))
)


class DeviceNames:
    """Names by user and device key. Everything raises StorageError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def save(self, user_id: str, device_key: str, name: str) -> None:
        """Keep the name; it replaces an earlier one of the same device."""
        values = {"user_id": user_id, "device_key": device_key, "name": name}

        def write(connection: Connection) -> None:
            insert = make_insert(connection, device_names).values(values)
            connection.execute(
                insert.on_conflict_do_update(
                    index_elements=["user_id", "device_key"], set_={"name": insert.excluded.name}
                )
            )

        await self._database.run(write)

    async def load(self, user_id: str) -> dict[str, str]:
        """Return the user's names by device key."""
        values = {"user": user_id}
        return dict(await self._database.read(partial(_LOAD.run, values=values)))

    async def delete(self, user_id: str, device_key: str) -> bool:
        """Forget one name; false where there was none."""
        statement = delete(device_names).where(
            _row.user_id == user_id, _row.device_key == device_key
        )
        return await self._database.run(
            lambda connection: connection.execute(statement).rowcount == 1
        )

    async def delete_all(self, user_id: str) -> int:
        """Forget all names of the user and say how many."""
        statement = delete(device_names).where(_row.user_id == user_id)
        return await self._database.run(lambda connection: connection.execute(statement).rowcount)


_list_row = listings.c
_SAVE: Final = Statement(
    text("""
    INSERT INTO listings (user_id, "groups", listed_at) VALUES (:user_id, :groups, :listed_at)
    ON CONFLICT (user_id) DO UPDATE
    SET "groups" = excluded."groups", listed_at = excluded.listed_at
""").bindparams(bindparam("listed_at", type_=UtcTime))
)
_LOAD_NUMBERS: Final = select(_list_row.groups).where(_list_row.user_id == bindparam("user"))


class NumberedLists:
    """The last list of each user, as groups of session ids. Everything raises StorageError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def save(self, user_id: str, groups: list[list[str]], now: datetime) -> None:
        """Keep the list: number 1 is the first group, whose first id is its newest session."""
        values = {"user_id": user_id, "groups": json.dumps(groups), "listed_at": now}
        await self._database.run(partial(_SAVE.run, values=values), is_groupable=True)

    async def load(self, user_id: str) -> list[list[str]]:
        """Return the last list; empty where there was none."""
        found = await self._database.read(
            lambda connection: connection.execute(
                _LOAD_NUMBERS, {"user": user_id}
            ).scalar_one_or_none()
        )
        groups: list[list[str]] = json.loads(found) if found else []
        return groups

    async def delete(self, user_id: str) -> None:
        """Forget the list of the user."""
        statement = delete(listings).where(_list_row.user_id == user_id)
        await self._database.run(lambda connection: connection.execute(statement))
