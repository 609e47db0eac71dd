"""How much waits in the database, and how much people have arranged."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, func, select

from bot.storage.database import AnyRow, Database
from bot.storage.tables import (
    accounts,
    alert_subscriptions,
    inbox,
    report_runs,
    schedules,
    unfinished,
)


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits in the database, for all processes; ``late`` reports could be made now."""

    connected: int
    watched: int
    messages: int
    reports: int
    late: int


@dataclass(frozen=True, slots=True)
class Demand:
    """What people have arranged; ``busiest`` is the largest number of reports due at one time."""

    connected: int
    watched: int
    planned: int
    busiest: int


async def load_backlog(database: Database, now: datetime) -> Backlog:
    """Count what waits; raise StorageError."""
    open_runs = (
        select(func.count()).select_from(report_runs).where(report_runs.c.finished_at.is_(None))
    )
    row = await _count(
        database,
        _count_connected(),
        select(func.count()).select_from(alert_subscriptions),
        select(func.count()).select_from(inbox).where(unfinished),
        open_runs,
        open_runs.where(report_runs.c.claimable_at <= now),
    )
    return Backlog(*row)


async def load_demand(database: Database, bot_id: str) -> Demand:
    """Count what is arranged, without the bot's own status report; raise StorageError."""
    is_persons = schedules.c.user_id != bot_id
    by_time = select(func.count().label("due")).where(is_persons).group_by(schedules.c.next_at)
    row = await _count(
        database,
        _count_connected(),
        select(func.count()).select_from(alert_subscriptions),
        select(func.count()).select_from(schedules).where(is_persons),
        select(func.coalesce(func.max(by_time.subquery().c.due), 0)),
    )
    return Demand(*row)


def _count_connected() -> Select[int]:
    return select(func.count()).select_from(accounts).where(accounts.c.revoked_at.is_(None))


async def _count(database: Database, *queries: Select[int]) -> AnyRow:
    (row,) = await database.fetch_all(select(*(query.scalar_subquery() for query in queries)))
    return row
