"""The names that people gave their devices, and the numbered lists they were shown."""

import json
from datetime import datetime
from typing import Final

from sqlalchemy import bindparam, delete, select

from bot.storage.database import Database
from bot.storage.statement import BareStatement
from bot.storage.tables import device_names, numbered_lists, select_account

_name_row: Final = device_names.c
_LOAD_NAMES: Final = BareStatement(
    select(_name_row.device_key, _name_row.name).where(_name_row.user_id == bindparam("user_id"))
)


class DeviceNames:
    """Names by user and device key, of people with an account. Every method raises StorageError."""

    def __init__(self, database: Database) -> None:
        self._database: Final = database

    async def save(self, user_id: str, device_key: str, name: str) -> None:
        """Save the name; it replaces an earlier one of the same device."""
        values = {"user_id": user_id, "device_key": device_key, "name": name}
        await self._database.upsert(device_names, values, only_if=select_account(user_id))

    async def load(self, user_id: str) -> dict[str, str]:
        """Return the user's names by device key."""
        return dict(await self._database.read(_LOAD_NAMES.bind({"user_id": user_id})))

    async def delete(self, user_id: str, device_key: str) -> bool:
        """Delete one name; return false where there was none."""
        is_it = (_name_row.user_id == user_id, _name_row.device_key == device_key)
        return await self._database.execute(delete(device_names).where(*is_it)) == 1


_list_row: Final = numbered_lists.c
_LOAD_GROUPS: Final = select(_list_row.groups).where(_list_row.user_id == bindparam("user_id"))


class NumberedLists:
    """The last session list of each user with an account. Every method raises StorageError."""

    def __init__(self, database: Database) -> None:
        self._database: Final = database

    async def save(self, user_id: str, groups: list[list[str]], now: datetime) -> None:
        """Save the ids of the listed sessions, a group for each number.

        Number 1 is the first group; a group's first id is its newest session.
        """
        values = {"user_id": user_id, "groups": json.dumps(groups), "listed_at": now}
        await self._database.upsert(numbered_lists, values, only_if=select_account(user_id))

    async def load(self, user_id: str) -> list[list[str]]:
        """Return the groups as saved; empty where there are none."""
        found = await self._database.fetch_value(_LOAD_GROUPS, {"user_id": user_id})
        groups: list[list[str]] = json.loads(found) if found else []
        return groups
