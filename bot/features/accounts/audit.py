"""The audit trail: each deed with a lent token, kept for 90 days; most are logged, too."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import Final

import structlog

from bot.features.accounts.audit_store import AuditRecord, AuditTrail

KEPT: Final = timedelta(days=90)
_ROUTINE: Final = timedelta(days=1)


class AuditAction(StrEnum):
    """What can happen to a lent token, or with it."""

    CONNECTED = "connected"
    USED = "used"
    WATCHED = "looked for new devices"
    LOGGED_OUT = "logged out a session"
    REFUSED = "refused"
    FAILED = "failed"
    DISCONNECTED = "disconnected"


class Audit:
    """Notes who did what, and when; details are words of the program's own, never a secret."""

    def __init__(self, trail: AuditTrail, now: Callable[[], datetime]) -> None:
        self._trail: Final = trail
        self._now: Final = now
        self._watched: Final[dict[str, datetime]] = {}
        self._log = structlog.get_logger("audit").bind()

    async def note(self, user_id: str, action: AuditAction, detail: str = "") -> None:
        """Record an action; never raises: what cannot be saved is in the log only.

        Checks for new devices, one every few minutes, are recorded once a day. The use of a token
        is not waited for, and not logged: the answer or report that uses it is.
        """
        if action is AuditAction.WATCHED and not self._is_first_today(user_id):
            return
        if action is not AuditAction.USED:
            self._log.info(str(action), user_id=user_id, detail=detail)
        record = AuditRecord(self._now(), user_id, str(action), detail)
        if action is AuditAction.USED:
            self._trail.save_soon(record).add_done_callback(partial(self._look_at, record))
            return
        # A task: where the caller is cancelled, the action is done and still to be recorded.
        saving = asyncio.create_task(self._trail.save(record))
        saving.add_done_callback(partial(self._look_at, record))
        await asyncio.wait([saving])

    def _look_at(self, record: AuditRecord, saving: asyncio.Future[object]) -> None:
        error = None if saving.cancelled() else saving.exception()
        if error is not None:
            self._complain(record, error)

    def _complain(self, record: AuditRecord, error: BaseException) -> None:
        self._log.error(
            "the audit trail cannot be written",
            action=record.action,
            user_id=record.user_id,
            detail=record.detail,
            problem=repr(error),
        )

    def _is_first_today(self, user_id: str) -> bool:
        last = self._watched.get(user_id)
        if last is not None and self._now() - last < _ROUTINE:
            return False
        self._watched[user_id] = self._now()
        return True

    async def sweep(self) -> None:
        """Delete what is older than 90 days."""
        await self._trail.sweep(self._now() - KEPT)
