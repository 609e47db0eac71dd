"""The names that people gave their devices."""

from asyncio import Future
from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection, Row, bindparam, delete, select

from bot.storage.database import Database
from bot.storage.foresight import Foresight
from bot.storage.tables import device_names, make_insert

_row = device_names.c
# Made once: to make a statement takes longer than to run it.
_LOAD: Final = select(_row.device_key, _row.name).where(_row.user_id == bindparam("user"))


class DeviceNames:
    """Names by user and device key. Everything raises StorageError."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.foresight: Final = Foresight(self._begin_to_load)

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
        """Give the user's names by device key."""
        rows = await self.foresight.read(user_id)
        return {row.device_key: row.name for row in rows}

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

    def _begin_to_load(self, user_id: str) -> Future[Sequence[Row[str, str]]]:
        return self._database.begin_to_read(
            lambda connection: connection.execute(_LOAD, {"user": user_id}).all()
        )
