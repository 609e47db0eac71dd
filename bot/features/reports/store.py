"""Who asked for reports, when the next one is due, and what stood in its way."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Update, and_, bindparam, delete, or_, select, text, update

from bot.models import list_names
from bot.storage.database import Database
from bot.storage.tables import UtcTime, accounts, make_insert, schedules, slots

_row: Final = schedules.c


@dataclass(frozen=True, slots=True)
class Schedule:
    """One person's reports: due at ``next_at``, made from ``start_at`` on.

    ``zone`` and ``utc_offset`` are the account's as they were when ``next_at`` was found.
    ``skipped`` counts the reports that were not made since the last one that was. ``trouble`` is
    why none can be made at present; its owner knows.
    """

    user_id: str
    username: str
    rule: str
    next_at: datetime
    start_at: datetime
    is_only_changes: bool = False
    zone: str = ""
    utc_offset: float | None = None
    paused_until: datetime | None = None
    skipped: int = 0
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class RunCreation:
    """A slot to be made for ``due_at``, and the schedule that follows it.

    ``missed`` slots before it are counted as skipped.
    """

    old: Schedule
    new: Schedule
    due_at: datetime
    missed: int = 0


_NOTES: Final = {"skipped", "trouble"}
_COLUMNS: Final = tuple(_row[name] for name in list_names(Schedule))
_LOAD: Final = select(*_COLUMNS).where(_row.user_id == bindparam("user_id"))
_ADVANCED: Final = tuple(name for name in list_names(Schedule) if name not in _NOTES)
_OPEN: Final = (
    update(schedules)
    .where(
        _row.user_id == bindparam("of_user"),
        _row.rule == bindparam("of_rule"),
        _row.next_at == bindparam("of_time"),
    )
    .values({name: bindparam(f"new_{name}", type_=_row[name].type) for name in _ADVANCED})
    .values(skipped=_row.skipped + bindparam("missed"))
)


_NOTE_MADE: Final = (
    update(schedules)
    .where(_row.user_id == bindparam("of_user"), or_(_row.skipped != 0, _row.trouble != ""))
    .values(skipped=0, trouble="")
)


class ScheduleStore:
    """One schedule for each user. Everything raises StorageError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def save(self, schedule: Schedule) -> None:
        """Keep the schedule; it replaces an earlier one of the same user."""
        values = asdict(schedule)
        await self._database.upsert(schedules, values)

    async def load(self, user_id: str) -> Schedule | None:
        """Return the user's schedule; None where there is none."""
        values = {"user_id": user_id}
        row = await self._database.fetch_one(_LOAD, values)
        return Schedule(*row) if row else None

    async def load_due(self, now: datetime, limit: int) -> list[Schedule]:
        """Return those that are to be started, the longest due first."""
        query = select(*_COLUMNS).where(_row.start_at <= now).order_by(_row.start_at).limit(limit)
        rows = await self._database.fetch_all(query)
        return [Schedule(*row) for row in rows]

    async def load_moved(self) -> list[Schedule]:
        """Return those whose owner's time zone is not the one they were planned in."""
        has_other_offset = accounts.c.utc_offset.is_distinct_from(_row.utc_offset)
        has_moved = or_(accounts.c.zone != _row.zone, and_(accounts.c.zone == "", has_other_offset))
        query = select(*_COLUMNS).join(accounts, accounts.c.user_id == _row.user_id)
        query = query.where(has_moved, accounts.c.dead_since.is_(None))
        rows = await self._database.fetch_all(query)
        return [Schedule(*row) for row in rows]

    async def replan(self, old: Schedule, new: Schedule) -> bool:
        """Return a schedule other times; false where it is not the stored one any more."""
        statement = _advance(old, new)
        return await self._database.execute(statement) == 1

    async def open_slots(self, openings: Sequence[RunCreation]) -> int:
        """Make the slots and go on to the next times; say how many.

        Left out is what somebody else has opened already, or is not the stored schedule any more.
        """

        def write(connection: Connection) -> int:
            insert = make_insert(connection, slots).on_conflict_do_nothing()
            opened = 0
            for each in openings:
                if connection.execute(_OPEN, _advance_values(each)).rowcount == 1:
                    connection.execute(insert, _slot_values(each))
                    opened += 1
            return opened

        return await self._database.write(write)

    async def note_made(self, user_id: str) -> None:
        """Remember that a report came through: nothing is left to explain."""
        await self._database.execute(_NOTE_MADE, {"of_user": user_id})

    async def note_skipped(self, user_id: str) -> None:
        """Count one more report that was not made; the next one will say so."""
        await self._note(user_id, skipped=_row.skipped + 1)

    async def note_trouble(self, user_id: str, trouble: str) -> None:
        """Remember why no report can be made at present, and that the person was told."""
        await self._note(user_id, trouble=trouble)

    async def delete(self, user_id: str) -> bool:
        """Forget the schedule and its slots; false where there was none."""
        statement = delete(schedules).where(_row.user_id == user_id)
        its_slots = delete(slots).where(slots.c.user_id == user_id)

        def write(connection: Connection) -> bool:
            connection.execute(its_slots)
            return connection.execute(statement).rowcount == 1

        return await self._database.write(write)

    async def _note(self, user_id: str, **values: object) -> None:
        statement = update(schedules).where(_row.user_id == user_id).values(values)
        await self._database.execute(statement)


def _advance(old: Schedule, new: Schedule) -> Update:
    values = {name: value for name, value in asdict(new).items() if name not in _NOTES}
    is_same = (_row.user_id == old.user_id, _row.rule == old.rule, _row.next_at == old.next_at)
    return update(schedules).where(*is_same).values(values)


def _advance_values(opening: RunCreation) -> dict[str, Any]:
    old = opening.old
    named = {"of_user": old.user_id, "of_rule": old.rule, "of_time": old.next_at}
    new = {f"new_{name}": getattr(opening.new, name) for name in _ADVANCED}
    return named | new | {"missed": opening.missed}


def _slot_values(opening: RunCreation) -> dict[str, Any]:
    old = opening.old
    named = {"user_id": old.user_id, "rule": old.rule, "due_at": opening.due_at}
    return named | {"free_at": old.start_at, "claimed_by": "", "tries": 0, "outcome": ""}


_run_row: Final = slots.c

# The condition stands twice: PostgreSQL looks at the outer one again once another's claim on the
# same row is through.
_CLAIM: Final = (
    text("""
    UPDATE slots SET claimed_by = :by, free_at = :until, tries = tries + 1
    WHERE finished_at IS NULL AND free_at <= :now AND (user_id, rule, due_at) IN (
        SELECT user_id, rule, due_at FROM slots WHERE finished_at IS NULL AND free_at <= :now
        ORDER BY due_at, free_at, user_id LIMIT 1
    )
    RETURNING user_id, rule, due_at, tries
""")
    .bindparams(bindparam("until", type_=UtcTime), bindparam("now", type_=UtcTime))
    .columns(due_at=UtcTime)
)


# What is known of a claim or of its end need not outlast a power cut: the report is then made
# again, and the workspace refuses its message, which has the same id.
_IS_SAME: Final = (
    _run_row.user_id == bindparam("of_user"),
    _run_row.rule == bindparam("of_rule"),
    _run_row.due_at == bindparam("of_time"),
)
_IS_OPEN: Final = (*_IS_SAME, _run_row.finished_at.is_(None))
_TAKE: Final = (
    update(slots)
    .where(*_IS_OPEN, _run_row.free_at <= bindparam("now"))
    .values(claimed_by=bindparam("by"), free_at=bindparam("until"), tries=_run_row.tries + 1)
    .returning(_run_row.tries)
)
_HOLD: Final = (
    update(slots)
    .where(*_IS_OPEN, _run_row.claimed_by == bindparam("by"))
    .values(free_at=bindparam("until"))
)
_RELEASE: Final = _HOLD.values(claimed_by="")
_FINISH: Final = (
    update(slots).where(*_IS_SAME).values(finished_at=bindparam("at"), outcome=bindparam("word"))
)


@dataclass(frozen=True, slots=True)
class ReportRun:
    """One report that is due, known by user, rule and time; ``tries`` counts this one too."""

    user_id: str
    rule: str
    due_at: datetime
    tries: int = field(default=1, compare=False)


class ReportRuns:
    """The slots that schedules have opened. Everything raises StorageError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self, *, now: datetime, by: str, until: datetime) -> ReportRun | None:
        """Take the slot that is longest due and nobody's; None where there is none.

        One that is not finished by ``until`` can be taken again.
        """
        values = {"by": by, "until": until, "now": now}
        row = await self._database.write_soon(
            lambda connection: connection.execute(_CLAIM, values).one_or_none()
        )
        return ReportRun(row.user_id, row.rule, row.due_at, row.tries) if row else None

    async def take(
        self, slot: ReportRun, *, now: datetime, by: str, until: datetime
    ) -> ReportRun | None:
        """Take this slot, as ``claim`` does; None where it is another's, done with or gone."""
        values = _name(slot) | {"by": by, "until": until, "now": now}
        tries = await self._database.write_soon(
            lambda connection: connection.execute(_TAKE, values).scalar_one_or_none()
        )
        return replace(slot, tries=tries) if tries else None

    async def load_free(self, now: datetime, limit: int) -> list[ReportRun]:
        """Return slots that may be taken now, the longest due first."""
        query = select(_run_row.user_id, _run_row.rule, _run_row.due_at, _run_row.tries)
        query = query.where(_run_row.finished_at.is_(None), _run_row.free_at <= now)
        query = query.order_by(_run_row.due_at, _run_row.free_at, _run_row.user_id).limit(limit)
        rows = await self._database.fetch_all(query)
        return [ReportRun(*row) for row in rows]

    async def hold(self, slot: ReportRun, *, by: str, until: datetime) -> None:
        """Make a claim last longer; nothing happens where it is another's by now."""
        await self._write(_HOLD, slot, by=by, until=until)

    async def release(self, slot: ReportRun, *, by: str, free_at: datetime) -> None:
        """Let the slot be taken again, but not before that time."""
        await self._write(_RELEASE, slot, by=by, until=free_at)

    async def finish(self, slot: ReportRun, outcome: str, now: datetime) -> None:
        """Mark the slot as done with, in a word; nobody can take it again."""
        await self._write(_FINISH, slot, at=now, word=outcome)

    async def load_outcomes(self, user_id: str) -> dict[datetime, str]:
        """Return what became of the user's slots, by due time; empty words for those still open."""
        query = select(_run_row.due_at, _run_row.outcome).where(_run_row.user_id == user_id)
        rows = await self._database.fetch_all(query)
        return {row.due_at: row.outcome for row in rows}

    async def sweep(self, before: datetime) -> int:
        """Forget what was finished before that time, and say how many."""
        statement = delete(slots).where(_run_row.finished_at < before)
        return await self._database.execute(statement)

    async def _write(self, statement: Update, slot: ReportRun, /, **values: object) -> None:
        named = _name(slot) | values
        await self._database.write_soon(lambda connection: connection.execute(statement, named))


def _name(slot: ReportRun) -> dict[str, object]:
    return {"of_user": slot.user_id, "of_rule": slot.rule, "of_time": slot.due_at}
