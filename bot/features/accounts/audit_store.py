"""The audit trail's table: what was done with a delegated token, and when; never a token."""

from asyncio import Future
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import bindparam, delete, insert, select, text

from bot.storage.database import Database
from bot.storage.statement import BareStatement
from bot.storage.tables import UtcTime, audit, columns_of, values_of

_row: Final = audit.c
_SAVE: Final = BareStatement(
    text(
        "INSERT INTO audit (at, user_id, action, detail) VALUES (:at, :user_id, :action, :detail)"
    ).bindparams(bindparam("at", type_=UtcTime))
)


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """An action by or for one user; ``detail`` says what it was about."""

    at: datetime
    user_id: str
    action: str
    detail: str = ""


_COLUMNS: Final = columns_of(audit, AuditRecord)


class AuditTrail:
    """The records, the oldest first. Every method raises StorageError."""

    def __init__(self, database: Database) -> None:
        self._database: Final = database

    async def save(self, record: AuditRecord) -> None:
        """Append a record."""
        await self._database.execute(insert(audit), values_of(record))

    def save_soon(self, record: AuditRecord) -> Future[object]:
        """Begin to append a record that a power cut may undo, as ``Database.write_soon``."""
        return self._database.write_soon(_SAVE.bind(values_of(record)))

    async def load(self, user_id: str | None = None) -> list[AuditRecord]:
        """Return the records of one user, or of all."""
        query = select(*_COLUMNS).order_by(_row.id)
        if user_id is not None:
            query = query.where(_row.user_id == user_id)
        return [AuditRecord(*row) for row in await self._database.fetch_all(query)]

    async def sweep(self, before: datetime) -> int:
        """Delete older records; return how many."""
        return await self._database.execute(delete(audit).where(_row.at < before))
