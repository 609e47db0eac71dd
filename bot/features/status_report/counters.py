"""Sums of what all processes that share the database have counted."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import structlog
from sqlalchemy import Connection, Select, func, select, update

from bot.errors import StorageError
from bot.metrics import Metrics
from bot.storage.database import AnyRow, Database
from bot.storage.tables import (
    accounts,
    inbox,
    make_insert,
    schedules,
    slots,
    tallies,
    unfinished,
    watches,
)

_row: Final = tallies.c


@dataclass(frozen=True, slots=True)
class CounterSums:
    """Sums by name: since ``since``, when they were last reported, and since ever."""

    since: datetime
    fresh: Mapping[str, int]
    totals: Mapping[str, int]


class CounterTable:
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

    async def mark(self, tally: CounterSums, now: datetime) -> None:
        """Take note that these sums have been reported."""

        def write(connection: Connection) -> None:
            for name, total in sorted(tally.totals.items()):
                statement = update(tallies).where(_row.name == name)
                connection.execute(statement.values(reported=total, since=now))

        await self._database.write(write)


EVERY: Final = 60.0
"""Seconds between two entries: so much is lost of what a process counts that is killed."""


class CounterStore:
    """Enters the counts of this process in the database. ``sleep`` waits for so many seconds."""

    def __init__(
        self,
        metrics: Metrics,
        tallies: CounterTable,
        now: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._metrics: Final = metrics
        self._tallies: Final = tallies
        self._now: Final = now
        self._sleep: Final = sleep
        self._entered: dict[str, int] | None = None
        self._entering: Final = asyncio.Lock()
        self._log = structlog.get_logger("bookkeeping")

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            await self.enter_if_possible()
            await self._sleep(EVERY)

    async def enter_if_possible(self) -> None:
        """Enter what was counted since the last time, or leave it to the next time."""
        try:
            await self._enter()
        except StorageError as error:
            self._log.warning("counts could not be entered yet", problem=str(error))

    async def load(self) -> CounterSums:
        """Return the sums of all processes, this one's to the present; raises StorageError."""
        await self._enter()
        return await self._tallies.load(self._now())

    async def mark(self, tally: CounterSums) -> None:
        """Begin a new stretch of time after these sums; raises StorageError."""
        await self._tallies.mark(tally, self._now())

    async def _enter(self) -> None:
        async with self._entering:
            sums = self._metrics.read_totals()
            before = self._entered
            # The first entry names them all: that is when counting began.
            new = {
                name: total - (before or {}).get(name, 0)
                for name, total in sums.items()
                if before is None or total != before.get(name, 0)
            }
            await self._tallies.add(new, self._now())
            self._entered = sums


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits in the database, for all processes together.

    ``late`` counts the reports that could be made now.
    """

    connected: int
    watched: int
    messages: int
    reports: int
    late: int


@dataclass(frozen=True, slots=True)
class Demand:
    """What people have arranged. ``busiest`` is how many reports are due at one time, at most."""

    connected: int
    watched: int
    planned: int
    busiest: int


async def load_backlog(database: Database, now: datetime) -> Backlog:
    """Count what waits; raises StorageError."""
    is_open = slots.c.finished_at.is_(None)
    open_slots = select(func.count()).select_from(slots).where(is_open)
    queries = (
        _count_connected(),
        select(func.count()).select_from(watches),
        select(func.count()).select_from(inbox).where(unfinished),
        open_slots,
        open_slots.where(slots.c.free_at <= now),
    )
    return Backlog(*await _count(database, queries))


async def load_demand(database: Database, bot_id: str) -> Demand:
    """Count what is arranged, the bot's own report left out; raises StorageError."""
    of_people = schedules.c.user_id != bot_id
    by_time = select(func.count().label("due")).where(of_people).group_by(schedules.c.next_at)
    queries = (
        _count_connected(),
        select(func.count()).select_from(watches),
        select(func.count()).select_from(schedules).where(of_people),
        select(func.coalesce(func.max(by_time.subquery().c.due), 0)),
    )
    return Demand(*await _count(database, queries))


def _count_connected() -> Select[int]:
    return select(func.count()).select_from(accounts).where(accounts.c.dead_since.is_(None))


async def _count(database: Database, queries: tuple[Select[int], ...]) -> AnyRow:
    (row,) = await database.fetch_all(select(*(query.scalar_subquery() for query in queries)))
    return row
