"""Reports that are due: each one is a row, and whoever claims it makes it."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from sqlalchemy import Update, bindparam, delete, select, text, update

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


# What is known of a claim or of its end need not outlast a power cut: the report is then made
# again, and the workspace refuses its message, which has the same id.
_IS_SAME: Final = (
    _row.user_id == bindparam("of_user"),
    _row.rule == bindparam("of_rule"),
    _row.due_at == bindparam("of_time"),
)
_IS_OPEN: Final = (*_IS_SAME, _row.finished_at.is_(None))
_TAKE: Final = (
    update(slots)
    .where(*_IS_OPEN, _row.free_at <= bindparam("now"))
    .values(claimed_by=bindparam("by"), free_at=bindparam("until"), tries=_row.tries + 1)
    .returning(_row.tries)
)
_HOLD: Final = (
    update(slots)
    .where(*_IS_OPEN, _row.claimed_by == bindparam("by"))
    .values(free_at=bindparam("until"))
)
_RELEASE: Final = _HOLD.values(claimed_by="")
_FINISH: Final = (
    update(slots).where(*_IS_SAME).values(finished_at=bindparam("at"), outcome=bindparam("word"))
)


@dataclass(frozen=True, slots=True)
class Slot:
    """One report that is due, known by user, rule and time; ``tries`` counts this one too."""

    user_id: str
    rule: str
    due_at: datetime
    tries: int = field(default=1, compare=False)


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
            lambda connection: connection.execute(_CLAIM, values).one_or_none(), is_lasting=False
        )
        return Slot(row.user_id, row.rule, row.due_at, row.tries) if row else None

    async def take(self, slot: Slot, *, now: datetime, by: str, until: datetime) -> Slot | None:
        """Take this slot, as ``claim`` does; None where it is another's, done with or gone."""
        values = _name(slot) | {"by": by, "until": until, "now": now}
        tries = await self._database.run(
            lambda connection: connection.execute(_TAKE, values).scalar_one_or_none(),
            is_groupable=True,
            is_lasting=False,
        )
        return replace(slot, tries=tries) if tries else None

    async def load_free(self, now: datetime, limit: int) -> list[Slot]:
        """Give slots that may be taken now, the longest due first."""
        query = select(_row.user_id, _row.rule, _row.due_at, _row.tries)
        query = query.where(_row.finished_at.is_(None), _row.free_at <= now)
        query = query.order_by(_row.due_at, _row.free_at, _row.user_id).limit(limit)
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        return [Slot(*row) for row in rows]

    async def hold(self, slot: Slot, *, by: str, until: datetime) -> None:
        """Make a claim last longer; nothing happens where it is another's by now."""
        await self._write(_HOLD, slot, by=by, until=until)

    async def release(self, slot: Slot, *, by: str, free_at: datetime) -> None:
        """Let the slot be taken again, but not before that time."""
        await self._write(_RELEASE, slot, by=by, until=free_at)

    async def finish(self, slot: Slot, outcome: str, now: datetime) -> None:
        """Mark the slot as done with, in a word; nobody can take it again."""
        await self._write(_FINISH, slot, at=now, word=outcome)

    async def load_outcomes(self, user_id: str) -> dict[datetime, str]:
        """Give what became of the user's slots, by due time; empty words for those still open."""
        query = select(_row.due_at, _row.outcome).where(_row.user_id == user_id)
        rows = await self._database.run(lambda connection: connection.execute(query).all())
        return {row.due_at: row.outcome for row in rows}

    async def sweep(self, before: datetime) -> int:
        """Forget what was finished before that time, and say how many."""
        statement = delete(slots).where(_row.finished_at < before)
        return await self._database.run(lambda connection: connection.execute(statement).rowcount)

    async def _write(self, statement: Update, slot: Slot, /, **values: object) -> None:
        named = _name(slot) | values
        await self._database.run(
            lambda connection: connection.execute(statement, named),
            is_groupable=True,
            is_lasting=False,
        )


def _name(slot: Slot) -> dict[str, object]:
    return {"of_user": slot.user_id, "of_rule": slot.rule, "of_time": slot.due_at}
