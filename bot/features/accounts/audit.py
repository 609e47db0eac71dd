"""The audit trail: what was done with a delegated token, kept for 90 days; most is logged too."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import Final

import structlog
from sqlalchemy import Connection, bindparam, delete, insert, select, text

from bot.storage.database import Database
from bot.storage.sqlite_fast_path import BareStatement
from bot.storage.tables import Condition, UtcTime, audit, columns_of, values_of

RECORDS_KEPT: Final = timedelta(days=90)
_CHECKS_NOTED_EVERY: Final = timedelta(days=1)


class AuditAction(StrEnum):
    """What can be done with a delegated token; the values are stored and logged."""

    CONNECTED = "connected"
    USED = "used"
    CHECKED = "looked for new devices"
    LOGGED_OUT = "logged out a session"
    REFUSED = "refused"
    FAILED = "failed"
    DISCONNECTED = "disconnected"


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """An action by or for one user; ``detail`` says what it was about, and is never a token."""

    at: datetime
    user_id: str
    action: str
    detail: str = ""


_row: Final = audit.c
_COLUMNS: Final = columns_of(audit, AuditRecord)
_SAVE: Final = BareStatement(
    text(
        "INSERT INTO audit (at, user_id, action, detail)"
        " SELECT CAST(:at AS BIGINT), user_id, CAST(:action AS VARCHAR), CAST(:detail AS VARCHAR)"
        " FROM accounts WHERE user_id = :user_id"
    ).bindparams(bindparam("at", type_=UtcTime))
)


class AuditTrail:
    """Records who did what, and when; details are the program's own text, never a secret."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database: Final = database
        self._now: Final = now
        self._check_noted_at: Final[dict[str, datetime]] = {}
        self._log = structlog.get_logger("audit").bind()

    async def note(
        self,
        user_id: str,
        action: AuditAction,
        detail: str = "",
        *,
        only_if: Condition | None = None,
    ) -> None:
        """Record an action; never raises: a failure to record is logged, as the action is done.

        Checks for new devices come every few minutes and are recorded once a day. USED is saved
        soon, without waiting for it, and not logged: answers and reports are logged elsewhere.
        USED is saved only where the user has an account, the others where ``only_if`` finds a row.
        """
        if action is AuditAction.CHECKED and not self._is_first_today(user_id):
            return
        record = AuditRecord(self._now(), user_id, str(action), detail)
        if action is AuditAction.USED:
            saving = self._database.write_soon(_SAVE.bind(values_of(record)), may_wait=True)
            saving.add_done_callback(partial(self._log_failure, record))
            return
        self._log.info(str(action), user_id=user_id, detail=detail)
        # A task of its own: cancelling the caller does not undo the action.
        executing = asyncio.create_task(self._save(record, only_if))
        executing.add_done_callback(partial(self._log_failure, record))
        await asyncio.wait([executing])

    async def _save(self, record: AuditRecord, only_if: Condition | None) -> None:
        def work(connection: Connection) -> None:
            if only_if is None or connection.execute(only_if).first() is not None:
                connection.execute(insert(audit), values_of(record))

        await self._database.write(work)

    async def sweep(self) -> None:
        """Delete records older than 90 days; raise StorageError."""
        await self._database.execute(delete(audit).where(_row.at < self._now() - RECORDS_KEPT))

    def _is_first_today(self, user_id: str) -> bool:
        last = self._check_noted_at.get(user_id)
        if last is not None and abs(self._now() - last) < _CHECKS_NOTED_EVERY:
            return False
        self._check_noted_at[user_id] = self._now()
        return True

    def _log_failure(self, record: AuditRecord, saving: asyncio.Future[object]) -> None:
        error = None if saving.cancelled() else saving.exception()
        if error is not None:
            self._log.error(
                "the audit trail cannot be written",
                action=record.action,
                user_id=record.user_id,
                detail=record.detail,
                problem=repr(error),
            )


async def load_records(database: Database, user_id: str | None = None) -> list[AuditRecord]:
    """Return the records of one user, or of all, the oldest first; raise StorageError."""
    query = select(*_COLUMNS).order_by(_row.id)
    if user_id is not None:
        query = query.where(_row.user_id == user_id)
    return [AuditRecord(*row) for row in await database.fetch_all(query)]
