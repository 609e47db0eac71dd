"""The audit trail: who did what with a lent token, and when. It never holds a token."""

from asyncio import Future
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import bindparam, delete, func, insert, select, text

from bot.models import list_names
from bot.storage.database import Database
from bot.storage.statement import BareStatement
from bot.storage.tables import UtcTime, audit

_row: Final = audit.c
_SAVE: Final = BareStatement(
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


_COLUMNS: Final = tuple(_row[name] for name in list_names(AuditRecord))


class AuditTrail:
    """The records in the database, the oldest first. Everything raises StorageError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def save(self, record: AuditRecord) -> None:
        """Append a record."""
        await self._database.execute(insert(audit), asdict(record))

    def save_soon(self, record: AuditRecord) -> Future[object]:
        """Begin to append a record that a power cut may undo, with the answer it belongs to."""
        return self._database.write_soon(_SAVE.bind(asdict(record)))

    async def load(self, user_id: str | None = None) -> list[AuditRecord]:
        """Return the records of one user, or of all."""
        query = select(*_COLUMNS).order_by(_row.id)
        if user_id is not None:
            query = query.where(_row.user_id == user_id)
        rows = await self._database.fetch_all(query)
        return [AuditRecord(*row) for row in rows]

    async def count(self, user_id: str) -> int:
        """Count the records of one user."""
        query = select(func.count()).select_from(audit).where(_row.user_id == user_id)
        return int(await self._database.fetch_value(query))

    async def delete(self, user_id: str) -> None:
        """Delete the records of one user."""
        statement = delete(audit).where(_row.user_id == user_id)
        await self._database.execute(statement)

    async def sweep(self, before: datetime) -> int:
        """Delete what is older and say how many."""
        statement = delete(audit).where(_row.at < before)
        return await self._database.execute(statement)
