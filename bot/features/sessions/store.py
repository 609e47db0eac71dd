"""The names that people gave their devices."""

import json
from datetime import datetime
from typing import Final

from sqlalchemy import bindparam, delete, select

from bot.storage.database import Database
from bot.storage.statement import BareStatement
from bot.storage.tables import device_names, listings

_row = device_names.c
_LOAD: Final = BareStatement(
    select(_row.device_key, _row.name).where(_row.user_id == bindparam("user"))
)


class DeviceNames:
    """Names by user and device key. Everything raises StorageError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def save(self, user_id: str, device_key: str, name: str) -> None:
        """Keep the name; it replaces an earlier one of the same device."""
        values = {"user_id": user_id, "device_key": device_key, "name": name}
        await self._database.upsert(device_names, values)

    async def load(self, user_id: str) -> dict[str, str]:
        """Return the user's names by device key."""
        values = {"user": user_id}
        return dict(await self._database.read(_LOAD.bind(values)))

    async def delete(self, user_id: str, device_key: str) -> bool:
        """Forget one name; false where there was none."""
        statement = delete(device_names).where(
            _row.user_id == user_id, _row.device_key == device_key
        )
        return await self._database.execute(statement) == 1

    async def delete_all(self, user_id: str) -> int:
        """Forget all names of the user and say how many."""
        statement = delete(device_names).where(_row.user_id == user_id)
        return await self._database.execute(statement)


_list_row = listings.c
_LOAD_NUMBERS: Final = select(_list_row.groups).where(_list_row.user_id == bindparam("user"))


class NumberedLists:
    """The last list of each user, as groups of session ids. Everything raises StorageError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def save(self, user_id: str, groups: list[list[str]], now: datetime) -> None:
        """Keep the list: number 1 is the first group, whose first id is its newest session."""
        values = {"user_id": user_id, "groups": json.dumps(groups), "listed_at": now}
        await self._database.upsert(listings, values)

    async def load(self, user_id: str) -> list[list[str]]:
        """Return the last list; empty where there was none."""
        found = await self._database.fetch_value(_LOAD_NUMBERS, {"user": user_id})
        groups: list[list[str]] = json.loads(found) if found else []
        return groups

    async def delete(self, user_id: str) -> None:
        """Forget the list of the user."""
        statement = delete(listings).where(_list_row.user_id == user_id)
        await self._database.execute(statement)
