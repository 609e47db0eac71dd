"""Sums of what all processes that share the database have counted."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import structlog
from sqlalchemy import Connection, select, update

from bot.errors import StorageError
from bot.metrics import Metrics
from bot.storage.database import Database
from bot.storage.tables import counters, make_insert

SAVE_INTERVAL_S: Final = 60.0
"""A process that is killed loses what it has counted for so long."""

_row: Final = counters.c


@dataclass(frozen=True, slots=True)
class CounterSums:
    """Sums by name: those since the last report, which was at ``since``, and those of all time."""

    since: datetime
    fresh: Mapping[str, int]
    totals: Mapping[str, int]


class CounterTable:
    """The sums in the database, to which every process adds. Every method raises StorageError."""

    def __init__(self, database: Database) -> None:
        self._database: Final = database

    async def add(self, counts: Mapping[str, int], now: datetime) -> None:
        """Add what one process has counted; a name that is new starts now."""
        # Sorted, or two processes could wait for each other's rows.
        rows = [
            {"name": name, "total": count, "reported": 0, "since": now}
            for name, count in sorted(counts.items())
        ]

        def write(connection: Connection) -> None:
            insert = make_insert(connection, counters)
            sums = {"total": _row.total + insert.excluded.total}
            statement = insert.on_conflict_do_update(index_elements=["name"], set_=sums)
            connection.execute(statement, rows)

        if rows:
            await self._database.write(write)

    async def load(self, now: datetime) -> CounterSums:
        """Return the sums, and what of them is not reported yet."""
        query = select(_row.name, _row.total, _row.reported, _row.since)
        rows = await self._database.fetch_all(query)
        return CounterSums(
            since=min((row.since for row in rows), default=now),
            fresh={row.name: row.total - row.reported for row in rows},
            totals={row.name: row.total for row in rows},
        )

    async def mark_reported(self, sums: CounterSums, now: datetime) -> None:
        """Note that these sums have been reported."""

        def write(connection: Connection) -> None:
            for name, total in sorted(sums.totals.items()):
                statement = update(counters).where(_row.name == name)
                connection.execute(statement.values(reported=total, since=now))

        await self._database.write(write)


class CounterStore:
    """Saves the counts of this process. ``sleep`` waits for so many seconds."""

    def __init__(
        self,
        metrics: Metrics,
        database: Database,
        now: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._metrics: Final = metrics
        self._table: Final = CounterTable(database)
        self._now: Final = now
        self._sleep: Final = sleep
        self._saved: dict[str, int] | None = None
        self._lock: Final = asyncio.Lock()
        self._log = structlog.get_logger("counters")

    async def run(self) -> None:
        """Save the counts every minute until cancelled."""
        while True:
            await self.save_if_possible()
            await self._sleep(SAVE_INTERVAL_S)

    async def save_if_possible(self) -> None:
        """Save what was counted since the last time, or leave it to the next time."""
        try:
            await self._save()
        except StorageError as error:
            self._log.warning("counters not saved yet", problem=str(error))

    async def load(self) -> CounterSums:
        """Save this process's counts and return the sums of all; raise StorageError."""
        await self._save()
        return await self._table.load(self._now())

    async def mark_reported(self, sums: CounterSums) -> None:
        """Note that these sums have been reported; raise StorageError."""
        await self._table.mark_reported(sums, self._now())

    async def _save(self) -> None:
        async with self._lock:
            counts, saved = self._metrics.read_totals(), self._saved
            # The first time saves all of them, zeros too: counting starts at that time.
            new = {
                name: count - (saved or {}).get(name, 0)
                for name, count in counts.items()
                if saved is None or count != saved.get(name, 0)
            }
            await self._table.add(new, self._now())
            self._saved = counts
