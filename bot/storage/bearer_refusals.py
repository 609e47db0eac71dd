"""Versions of the workspace that were seen to ignore bearer tokens."""

from datetime import datetime

from sqlalchemy import select

from bot.storage.database import Database
from bot.storage.tables import bearer_refusals, make_insert


class BearerRefusals:
    """Remembers versions, so that an update of the workspace is tried anew.

    Everything raises StorageError.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def save(self, version: str, now: datetime) -> None:
        """Remember that this version ignores bearer tokens."""
        values = {"version": version, "seen_at": now}
        await self._database.run(
            lambda connection: connection.execute(
                make_insert(connection, bearer_refusals).values(values).on_conflict_do_nothing()
            )
        )

    async def has_any(self) -> bool:
        """Say whether any version was."""
        query = select(bearer_refusals.c.version).limit(1)
        found = await self._database.run(
            lambda connection: connection.execute(query).scalar_one_or_none()
        )
        return found is not None

    async def contains(self, version: str) -> bool:
        """Say whether this version was seen to ignore them."""
        query = select(bearer_refusals.c.version).where(bearer_refusals.c.version == version)
        found = await self._database.run(
            lambda connection: connection.execute(query).scalar_one_or_none()
        )
        return found is not None
