"""Hourly work on delegated tokens: refresh old ones, tell owners of revoked ones, sweep."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

import structlog

from bot.errors import BotError, GrantRefusedError
from bot.features.accounts.audit import AuditAction, AuditTrail
from bot.features.accounts.linking import AccountLinking
from bot.features.accounts.store import Accounts, DelegatedToken
from bot.features.accounts.token_refresh import TokenRefresher
from bot.storage.tables import select_account

REFRESH_AFTER: Final = timedelta(days=7)
"""A refresh token lives for 14 days, so an outage may last a week."""
TELLING_LEASE: Final = timedelta(minutes=10)
"""How long one process may take to tell the owner of a revoked token, before another one does."""


class Maintenance:
    """Looks after delegated tokens, link requests and audit records."""

    def __init__(
        self,
        accounts: Accounts,
        refresher: TokenRefresher,
        linking: AccountLinking,
        audit: AuditTrail,
        now: Callable[[], datetime],
    ) -> None:
        self._accounts: Final = accounts
        self._refresher: Final = refresher
        self._linking: Final = linking
        self._audit: Final = audit
        self._now: Final = now
        self._log = structlog.get_logger("maintenance")

    async def run(self) -> None:
        """Do all that is due; raise StorageError."""
        await self._linking.announce_untold()
        for user_id in await self._accounts.load_refreshed_before(self._now() - REFRESH_AFTER):
            await self._refresh(user_id)
        await self._announce_revoked()
        await self._linking.sweep()
        await self._audit.sweep()

    async def _refresh(self, user_id: str) -> None:
        try:
            delegated = await self._accounts.load_token(user_id)
            if delegated is not None and self._is_old(delegated):
                await self._refresh_or_mark(delegated)
        except BotError as error:
            # It is tried again in an hour; one person's failure must not stop the others.
            self._log.warning("a token was not refreshed", user_id=user_id, problem=repr(error))

    def _is_old(self, delegated: DelegatedToken) -> bool:
        refreshed_at = delegated.refreshed_at
        return refreshed_at is not None and refreshed_at < self._now() - REFRESH_AFTER

    async def _refresh_or_mark(self, delegated: DelegatedToken) -> None:
        try:
            await self._refresher.refresh(delegated)
        except GrantRefusedError:
            user_id, problem = delegated.token.user_id, "the workspace does not refresh the token"
            if await self._accounts.mark_revoked(user_id, delegated.id, self._now()):
                await self._audit.note(
                    user_id, AuditAction.FAILED, problem, only_if=select_account(user_id)
                )

    async def _announce_revoked(self) -> None:
        now = self._now()
        for event in await self._accounts.claim_revoked(now=now, until=now + TELLING_LEASE):
            await self._linking.events.put(event)
