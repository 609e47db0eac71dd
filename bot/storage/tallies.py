"""Sums of what all processes that share the database have counted."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, select, update

from bot.storage.database import Database
from bot.storage.tables import make_insert, tallies

_row: Final = tallies.c


@dataclass(frozen=True, slots=True)
class Tally:
    """Sums by name: since ``since``, when they were last reported, and since ever."""

    since: datetime
    fresh: Mapping[str, int]
    totals: Mapping[str, int]


class Tallies:
    """Only ever grows, so a process that dies loses no more than it has not added yet.

    Everything raises StorageError.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, counts: Mapping[str, int], now: datetime) -> None:
        """Add what one process has counted; a name that is new begins now."""
        # In one order, so that two processes never wait for each other.
        rows = [
            {"name": name, "total": count, "reported": 0, "since": now}
            for name, count in sorted(counts.items())
        ]

        def write(connection: Connection) -> None:
            insert = make_insert(connection, tallies)
            sums = {"total": _row.total + insert.excluded.total}
            statement = insert.on_conflict_do_update(index_elements=["name"], set_=sums)
            connection.execute(statement, rows)

        if rows:
            await self._database.run(write)

    async def load(self, now: datetime) -> Tally:
        """Give the sums, and what of them is not reported yet."""
        query = select(_row.name, _row.total, _row.reported, _row.since)
        rows = await self._database.run(lambda connection: connection.execute(query).all())
        return Tally(
            since=min((row.since for row in rows), default=now),
            fresh={row.name: row.total - row.reported for row in rows},
            totals={row.name: row.total for row in rows},
        )

    async def mark(self, tally: Tally, now: datetime) -> None:
        """Take note that these sums have been reported."""

        def write(connection: Connection) -> None:
            for name, total in sorted(tally.totals.items()):
                statement = update(tallies).where(_row.name == name)
                connection.execute(statement.values(reported=total, since=now))

        await self._database.run(write)
