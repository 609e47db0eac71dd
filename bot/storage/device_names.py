"""The names that people gave their devices."""

from sqlalchemy import Connection, delete, select

from bot.storage.database import Database
from bot.storage.tables import device_names, make_insert

_row = device_names.c


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
        """Give the user's names by device key."""
        query = select(_row.device_key, _row.name).where(_row.user_id == user_id)
        rows = await self._database.run(lambda connection: connection.execute(query).all())
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
