"""Who asked for reports, when the next one is due, and what stood in its way."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, Update, and_, delete, or_, select, update

from bot.storage.database import Database
from bot.storage.tables import accounts, make_insert, schedules, slots

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


_NOTES: Final = {"skipped", "trouble"}
_COLUMNS: Final = tuple(_row[name] for name in Schedule.__slots__)


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
        query = select(*_COLUMNS).where(_row.user_id == user_id)
        row = await self._database.run(lambda connection: connection.execute(query).one_or_none())
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

    async def open_slot(
        self, old: Schedule, new: Schedule, *, due_at: datetime, missed: int
    ) -> bool:
        """Make the slot for ``due_at`` and go on to the next time, both at once or not at all.

        ``missed`` slots before it are counted as skipped. False where somebody else has done so,
        or the schedule is not the stored one any more.
        """
        advance = _advance(old, new).values(skipped=_row.skipped + missed)
        slot = {"user_id": old.user_id, "rule": old.rule, "due_at": due_at}
        slot |= {"free_at": old.start_at, "claimed_by": "", "tries": 0, "outcome": ""}

        def write(connection: Connection) -> bool:
            if connection.execute(advance).rowcount != 1:
                return False
            insert = make_insert(connection, slots).values(slot)
            connection.execute(insert.on_conflict_do_nothing())
            return True

        return await self._database.run(write)

    async def note_made(self, user_id: str) -> None:
        """Remember that a report came through: nothing is left to explain."""
        await self._note(user_id, skipped=0, trouble="")

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
        await self._database.run(lambda connection: connection.execute(statement))


def _advance(old: Schedule, new: Schedule) -> Update:
    values = {name: value for name, value in asdict(new).items() if name not in _NOTES}
    is_same = (_row.user_id == old.user_id, _row.rule == old.rule, _row.next_at == old.next_at)
    return update(schedules).where(*is_same).values(values)
