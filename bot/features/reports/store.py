"""Who wants reports, when the next one is due, and why it could not be made."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, and_, bindparam, delete, func, or_, select, update

from bot.storage.database import Database
from bot.storage.tables import (
    accounts,
    columns_of,
    make_insert,
    report_runs,
    schedules,
    select_account,
    values_of,
)


@dataclass(frozen=True, slots=True)
class Schedule:
    """A user's reports: the next one is due at ``next_at`` and made from ``start_at`` on.

    ``zone`` and ``utc_offset`` are the account's from when ``next_at`` was computed. ``skipped``
    counts the reports that were not made since the last one that was. ``problem`` is why none can
    be made at present, of which the user knows.
    """

    user_id: str
    rule: str
    next_at: datetime
    start_at: datetime
    is_only_changes: bool = False
    zone: str = ""
    utc_offset: float | None = None
    paused_until: datetime | None = None
    skipped: int = 0
    problem: str = ""


@dataclass(frozen=True, slots=True)
class RunCreation:
    """A report run to be created for ``due_at``, and the schedule that follows it.

    ``missed`` runs before it are counted as skipped. The run can be claimed ``delay`` after its
    schedule's ``start_at``.
    """

    old: Schedule
    new: Schedule
    due_at: datetime
    missed: int = 0
    delay: timedelta = timedelta()


_HEAD_START: Final = timedelta(days=1)  # longer than a run may wait

_row: Final = schedules.c
_COLUMNS: Final = columns_of(schedules, Schedule)
_LOAD: Final = select(*_COLUMNS).where(_row.user_id == bindparam("user_id"))
_ADVANCED: Final = tuple(
    column.name for column in _COLUMNS if column.name not in {"skipped", "problem"}
)
# Holds unless another process has advanced or replaced the schedule.
_ADVANCE: Final = (
    update(schedules)
    .where(
        _row.user_id == bindparam("of_user"),
        _row.rule == bindparam("of_rule"),
        _row.next_at == bindparam("of_time"),
    )
    .values({name: bindparam(f"new_{name}", type_=_row[name].type) for name in _ADVANCED})
    .values(skipped=_row.skipped + bindparam("missed"))
)
_COUNT_WAITING: Final = select(func.count()).where(
    report_runs.c.finished_at.is_(None), report_runs.c.tries == 0
)
_CLEAR_PROBLEMS: Final = (
    update(schedules)
    .where(_row.user_id == bindparam("of_user"), or_(_row.skipped != 0, _row.problem != ""))
    .values(skipped=0, problem="")
)


class ScheduleStore:
    """At most one schedule for each user. Every method raises StorageError."""

    def __init__(self, database: Database) -> None:
        self._database: Final = database

    async def save(self, schedule: Schedule, *, is_for_bot: bool = False) -> None:
        """Save the schedule of a person with an account, or the bot's own; it replaces one."""
        only_if = None if is_for_bot else select_account(schedule.user_id)
        await self._database.upsert(schedules, values_of(schedule), only_if=only_if)

    async def load(self, user_id: str) -> Schedule | None:
        """Return the user's schedule; None where there is none."""
        row = await self._database.fetch_one(_LOAD, {"user_id": user_id})
        return Schedule(*row) if row else None

    async def load_due(self, now: datetime, limit: int) -> list[Schedule]:
        """Return the schedules that are to be started, the longest due first."""
        query = select(*_COLUMNS).where(_row.start_at <= now).order_by(_row.start_at).limit(limit)
        return [Schedule(*row) for row in await self._database.fetch_all(query)]

    async def load_ahead(self, now: datetime) -> list[Schedule]:
        """Return the schedules whose next time is still to come."""
        query = select(*_COLUMNS).where(_row.next_at > now)
        return [Schedule(*row) for row in await self._database.fetch_all(query)]

    async def load_with_other_zone(self) -> list[Schedule]:
        """Return the schedules that were computed in another time zone than the account's."""
        has_other_offset = accounts.c.utc_offset.is_distinct_from(_row.utc_offset)
        has_moved = or_(accounts.c.zone != _row.zone, and_(accounts.c.zone == "", has_other_offset))
        query = select(*_COLUMNS).join(accounts, accounts.c.user_id == _row.user_id)
        query = query.where(has_moved, accounts.c.revoked_at.is_(None))
        return [Schedule(*row) for row in await self._database.fetch_all(query)]

    async def reschedule(self, old: Schedule, new: Schedule) -> bool:
        """Change a schedule's times; return false where it is not the stored one any more."""
        values = _advance_values(old, new, missed=new.skipped - old.skipped)
        return await self._database.execute(_ADVANCE, values) == 1

    async def create_runs(self, creations: Sequence[RunCreation]) -> int:
        """Create the runs and advance their schedules; return how many.

        Leaves out what another process has created, and schedules that were changed meanwhile.
        """

        def write(connection: Connection) -> int:
            insert = make_insert(connection, report_runs).on_conflict_do_nothing()
            created = 0
            for each in creations:
                values = _advance_values(each.old, each.new, each.missed)
                if connection.execute(_ADVANCE, values).rowcount == 1:
                    connection.execute(insert, _run_values(each))
                    created += 1
            return created

        return await self._database.write(write)

    async def count_waiting(self) -> int:
        """Return how many runs nobody has begun."""
        [[count]] = await self._database.fetch_all(_COUNT_WAITING)
        return int(count)

    async def clear_problems(self, user_id: str) -> None:
        """Note that a report was made: nothing is left to explain."""
        await self._database.execute(_CLEAR_PROBLEMS, {"of_user": user_id})

    async def count_skipped(self, user_id: str) -> None:
        """Count one more report that was not made; the next one says so."""
        statement = update(schedules).where(_row.user_id == user_id)
        await self._database.execute(statement.values(skipped=_row.skipped + 1))

    async def save_problem(self, user_id: str, problem: str) -> None:
        """Save why no report can be made at present, of which the user was told."""
        statement = update(schedules).where(_row.user_id == user_id)
        await self._database.execute(statement.values(problem=problem))

    async def delete(self, user_id: str) -> bool:
        """Delete the schedule and its runs; return false where there was none."""

        def write(connection: Connection) -> bool:
            connection.execute(delete(report_runs).where(report_runs.c.user_id == user_id))
            return (
                connection.execute(delete(schedules).where(_row.user_id == user_id)).rowcount == 1
            )

        return await self._database.write(write)


def _advance_values(old: Schedule, new: Schedule, missed: int) -> dict[str, Any]:
    named = {"of_user": old.user_id, "of_rule": old.rule, "of_time": old.next_at}
    return named | {f"new_{name}": getattr(new, name) for name in _ADVANCED} | {"missed": missed}


def _run_values(creation: RunCreation) -> dict[str, Any]:
    old = creation.old
    named = {"user_id": old.user_id, "rule": old.rule, "due_at": creation.due_at}
    # The longest claimable run is claimed first: now comes who was left out before.
    claimable_at = old.start_at + creation.delay - old.skipped * _HEAD_START
    return named | {"claimable_at": claimable_at, "claimed_by": "", "tries": 0, "outcome": ""}
