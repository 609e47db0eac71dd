"""Who asked for reports, when the next one is due, and what stood in its way."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Update, and_, bindparam, delete, or_, select, update

from bot.storage.database import Database
from bot.storage.tables import accounts, make_insert, schedules, slots
from bot.values import list_names

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
class Opening:
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


class Schedules:
    """One schedule for each user. Everything raises StorageError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def save(self, schedule: Schedule) -> None:
        """Keep the schedule; it replaces an earlier one of the same user."""
        values = asdict(schedule)

        def write(connection: Connection) -> None:
            insert = make_insert(connection, schedules).values(values)
            renewed = {name: insert.excluded[name] for name in values if name != "user_id"}
            connection.execute(
                insert.on_conflict_do_update(index_elements=["user_id"], set_=renewed)
            )

        await self._database.run(write)

    async def load(self, user_id: str) -> Schedule | None:
        """Give the user's schedule; None where there is none."""
        values = {"user_id": user_id}
        row = await self._database.read(
            lambda connection: connection.execute(_LOAD, values).one_or_none()
        )
        return Schedule(*row) if row else None

    async def load_due(self, now: datetime, limit: int) -> list[Schedule]:
        """Give those that are to be started, the longest due first."""
        query = select(*_COLUMNS).where(_row.start_at <= now).order_by(_row.start_at).limit(limit)
        rows = await self._database.run(lambda connection: connection.execute(query).all())
        return [Schedule(*row) for row in rows]

    async def load_moved(self) -> list[Schedule]:
        """Give those whose owner's time zone is not the one they were planned in."""
        has_other_offset = accounts.c.utc_offset.is_distinct_from(_row.utc_offset)
        has_moved = or_(accounts.c.zone != _row.zone, and_(accounts.c.zone == "", has_other_offset))
        query = select(*_COLUMNS).join(accounts, accounts.c.user_id == _row.user_id)
        query = query.where(has_moved, accounts.c.dead_since.is_(None))
        rows = await self._database.run(lambda connection: connection.execute(query).all())
        return [Schedule(*row) for row in rows]

    async def replan(self, old: Schedule, new: Schedule) -> bool:
        """Give a schedule other times; false where it is not the stored one any more."""
        statement = _advance(old, new)
        return await self._database.run(
            lambda connection: connection.execute(statement).rowcount == 1
        )

    async def open_slots(self, openings: Sequence[Opening]) -> int:
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

        return await self._database.run(write)

    async def note_made(self, user_id: str) -> None:
        """Remember that a report came through: nothing is left to explain."""
        await self._database.run(
            lambda connection: connection.execute(_NOTE_MADE, {"of_user": user_id}),
            is_groupable=True,
        )

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

        return await self._database.run(write)

    async def _note(self, user_id: str, **values: object) -> None:
        statement = update(schedules).where(_row.user_id == user_id).values(values)
        await self._database.run(
            lambda connection: connection.execute(statement), is_groupable=True
        )


def _advance(old: Schedule, new: Schedule) -> Update:
    values = {name: value for name, value in asdict(new).items() if name not in _NOTES}
    is_same = (_row.user_id == old.user_id, _row.rule == old.rule, _row.next_at == old.next_at)
    return update(schedules).where(*is_same).values(values)


def _advance_values(opening: Opening) -> dict[str, Any]:
    old = opening.old
    named = {"of_user": old.user_id, "of_rule": old.rule, "of_time": old.next_at}
    new = {f"new_{name}": getattr(opening.new, name) for name in _ADVANCED}
    return named | new | {"missed": opening.missed}


def _slot_values(opening: Opening) -> dict[str, Any]:
    old = opening.old
    named = {"user_id": old.user_id, "rule": old.rule, "due_at": opening.due_at}
    return named | {"free_at": old.start_at, "claimed_by": "", "tries": 0, "outcome": ""}
