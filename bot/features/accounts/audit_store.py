"""The audit trail: who did what with a lent token, and when. It never holds a token."""

from asyncio import Future
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final

from sqlalchemy import bindparam, delete, func, select, text

from bot.models import list_names
from bot.storage.database import Database
from bot.storage.statement import Statement
from bot.storage.tables import UtcTime, audit

_row: Final = audit.c
_SAVE: Final = Statement(
    text(
        "INSERT INTO audit (at, user_id, deed, detail) VALUES (:at, :user_id, :deed, :detail)"
    ).bindparams(bindparam("at", type_=UtcTime))
)


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One deed, by or for one user; ``detail`` says what it was about."""

    at: datetime
    user_id: str
    deed: str
    detail: str = ""


_NAMES: Final = list_names(AuditRecord)
_COLUMNS: Final = tuple(_row[name] for name in _NAMES)


class AuditTrail:
    """The records in the database, the oldest first. Everything raises StorageError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin_to_save(self, record: AuditRecord, *, is_urgent: bool = True) -> Future[object]:
        """Append a record; what is not urgent is written with what comes next.

        A power cut may undo the last of those, with the end of the answer they belong to.
        """
        values = {name: getattr(record, name) for name in _NAMES}
        return self._database.begin(
            partial(_SAVE.run, values=values),
            is_groupable=True,
            is_lasting=is_urgent,
            is_urgent=is_urgent,
        )

    async def load(self, user_id: str | None = None) -> list[AuditRecord]:
        """Return the records of one user, or of all."""
        query = select(*_COLUMNS).order_by(_row.id)
        if user_id is not None:
            query = query.where(_row.user_id == user_id)
        rows = await self._database.run(lambda connection: connection.execute(query).all())
        return [AuditRecord(*row) for row in rows]

    async def count(self, user_id: str) -> int:
        """Count the records of one user."""
        query = select(func.count()).select_from(audit).where(_row.user_id == user_id)
        return await self._database.run(lambda connection: connection.execute(query).scalar_one())

    async def delete(self, user_id: str) -> None:
        """Delete the records of one user."""
        statement = delete(audit).where(_row.user_id == user_id)
        await self._database.run(lambda connection: connection.execute(statement))

    async def sweep(self, before: datetime) -> int:
        """Delete what is older and say how many."""
        statement = delete(audit).where(_row.at < before)
        return await self._database.run(lambda connection: connection.execute(statement).rowcount)
