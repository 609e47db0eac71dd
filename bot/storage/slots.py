"""Reports that are due: each one is a row, and whoever claims it makes it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, bindparam, delete, select, text, update

from bot.storage.database import Database
from bot.storage.tables import UtcTime, slots

_row: Final = slots.c

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


@dataclass(frozen=True, slots=True)
class Slot:
    """One report that is due, known by user, rule and time; ``tries`` counts this one too."""

    user_id: str
    rule: str
    due_at: datetime
    tries: int = 1


class Slots:
    """The slots that schedules have opened. Everything raises StorageError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self, *, now: datetime, by: str, until: datetime) -> Slot | None:
        """Take the slot that is longest due and nobody's; None where there is none.

        One that is not finished by ``until`` can be taken again.
        """
        values = {"by": by, "until": until, "now": now}
        row = await self._database.run(
            lambda connection: connection.execute(_CLAIM, values).one_or_none()
        )
        return Slot(row.user_id, row.rule, row.due_at, row.tries) if row else None

    async def release(self, slot: Slot, *, by: str, free_at: datetime) -> None:
        """Let the slot be taken again, but not before that time."""
        statement = (
            update(slots).where(*_is_same(slot), _row.claimed_by == by).values(free_at=free_at)
        )
        await self._database.run(lambda connection: connection.execute(statement))

    async def finish(self, slot: Slot, outcome: str, now: datetime) -> None:
        """Mark the slot as done with, in a word; nobody can take it again."""
        values = {"finished_at": now, "outcome": outcome}
        statement = update(slots).where(*_is_same(slot)).values(values)
        await self._database.run(lambda connection: connection.execute(statement))

    async def load_outcomes(self, user_id: str) -> dict[datetime, str]:
        """Give what became of the user's slots, by due time; empty words for those still open."""
        query = select(_row.due_at, _row.outcome).where(_row.user_id == user_id)
        rows = await self._database.run(lambda connection: connection.execute(query).all())
        return {row.due_at: row.outcome for row in rows}

    async def sweep(self, before: datetime) -> int:
        """Forget what was finished before that time, and say how many."""
        statement = delete(slots).where(_row.finished_at < before)
        return await self._database.run(lambda connection: connection.execute(statement).rowcount)


def _is_same(slot: Slot) -> tuple[ColumnElement[bool], ...]:
    return (_row.user_id == slot.user_id, _row.rule == slot.rule, _row.due_at == slot.due_at)
