"""The audit trail: what was done with a delegated token, kept for 90 days; most is logged too."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import Final

import structlog

from bot.features.accounts.audit_store import AuditRecord, AuditTrail

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


class Audit:
    """Records who did what, and when; details are the program's own text, never a secret."""

    def __init__(self, trail: AuditTrail, now: Callable[[], datetime]) -> None:
        self._trail: Final = trail
        self._now: Final = now
        self._check_noted_at: Final[dict[str, datetime]] = {}
        self._log = structlog.get_logger("audit").bind()

    async def note(self, user_id: str, action: AuditAction, detail: str = "") -> None:
        """Record an action; never raises: a failure to record is logged, as the action is done.

        Checks for new devices come every few minutes and are recorded once a day. USED is saved
        soon, without waiting for it, and not logged: answers and reports are logged elsewhere.
        """
        if action is AuditAction.CHECKED and not self._is_first_today(user_id):
            return
        record = AuditRecord(self._now(), user_id, str(action), detail)
        if action is AuditAction.USED:
            self._trail.save_soon(record).add_done_callback(partial(self._log_failure, record))
            return
        self._log.info(str(action), user_id=user_id, detail=detail)
        # A task of its own: cancelling the caller does not undo the action.
        saving = asyncio.create_task(self._trail.save(record))
        saving.add_done_callback(partial(self._log_failure, record))
        await asyncio.wait([saving])

    async def sweep(self) -> None:
        """Delete records older than 90 days."""
        await self._trail.sweep(self._now() - RECORDS_KEPT)

    def _is_first_today(self, user_id: str) -> bool:
        last = self._check_noted_at.get(user_id)
        if last is not None and self._now() - last < _CHECKS_NOTED_EVERY:
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
