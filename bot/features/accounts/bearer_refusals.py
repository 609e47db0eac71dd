"""Which versions of Rocket.Chat ignore bearer tokens."""

from datetime import datetime
from typing import Final

from sqlalchemy import select

from bot.storage.database import Database
from bot.storage.tables import bearer_refusals

_row: Final = bearer_refusals.c


class BearerRefusals:
    """The versions by name, so that an updated workspace is tried again.

    Every method raises StorageError.
    """

    def __init__(self, database: Database) -> None:
        self._database: Final = database

    async def save(self, version: str, now: datetime) -> None:
        """Remember that this version ignores bearer tokens."""
        values = {"version": version, "refused_at": now}
        await self._database.insert_or_ignore(bearer_refusals, values)

    async def has_any(self) -> bool:
        """Return whether any version is known to ignore them."""
        query = select(_row.version).limit(1)
        return await self._database.fetch_one(query) is not None

    async def contains(self, version: str) -> bool:
        """Return whether this version is known to ignore them."""
        query = select(_row.version).where(_row.version == version)
        return await self._database.fetch_one(query) is not None
