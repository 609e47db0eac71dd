"""Counts of what there is to do; they need no key and show nobody."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Select, func, select

from bot.storage.database import Database
from bot.storage.tables import accounts, inbox, schedules, slots, unfinished, watches


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
    return Backlog(*await database.run(lambda connection: _count(connection, queries)))


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
    return Demand(*await database.run(lambda connection: _count(connection, queries)))


def _count_connected() -> Select[int]:
    return select(func.count()).select_from(accounts).where(accounts.c.dead_since.is_(None))


def _count(connection: Connection, queries: tuple[Select[int], ...]) -> list[int]:
    return [connection.execute(query).scalar_one() for query in queries]
