"""What must happen without anybody asking: tokens renewed in time, their owners told, sweeping."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final

import structlog

from bot.errors import BotError, GrantRefusedError
from bot.features.accounts.audit import Audit, AuditAction
from bot.features.accounts.delegated_tokens import DelegatedToken, DelegatedTokens
from bot.features.accounts.link_requests import LinkRequests
from bot.features.accounts.linking import AccountLinking, TokenExpired
from bot.features.accounts.token_refresh import TokenRefresher

PAUSE: Final = timedelta(hours=1)
AGE: Final = timedelta(days=7)
"""A refresh token lives for 14 days: this leaves a week to an outage of the workspace or ours."""
TURN_TO_TELL: Final = timedelta(minutes=10)


class Maintenance:
    """Looks after lent tokens, once an hour."""

    def __init__(
        self,
        *,
        lent: DelegatedTokens,
        renewals: TokenRefresher,
        connections: AccountLinking,
        requests: LinkRequests,
        audit: Audit,
        now: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._lent: Final = lent
        self._renewals: Final = renewals
        self._connections: Final = connections
        self._requests: Final = requests
        self._audit: Final = audit
        self._now: Final = now
        self._sleep: Final = sleep
        self._log = structlog.get_logger("upkeep")

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            try:
                await self.look()
            except BotError as error:
                self._log.warning("the upkeep was cut short", problem=repr(error))
            await self._sleep(PAUSE.total_seconds())

    async def look(self) -> None:
        """Do once all there is to do; raise StorageError."""
        await self._connections.announce_untold()
        for user_id in await self._lent.load_refreshed_before(self._now() - AGE):
            await self._renew(user_id)
        await self._announce_dead()
        await self._requests.sweep(self._now())
        await self._audit.sweep()

    async def _renew(self, user_id: str) -> None:
        lent = None
        try:
            lent = await self._lent.load(user_id)
            if lent is not None and self._is_old(lent):
                await self._renewals.renew(lent)
        except GrantRefusedError:
            await self._bury(user_id, lent)
        except BotError as error:
            # The next hour is early enough; one person's trouble must not stop the others.
            self._log.warning("a token was not renewed", user_id=user_id, problem=repr(error))

    def _is_old(self, lent: DelegatedToken) -> bool:
        return lent.refreshed_at is not None and lent.refreshed_at < self._now() - AGE

    async def _bury(self, user_id: str, lent: DelegatedToken | None) -> None:
        if lent is not None and await self._lent.mark_revoked(user_id, lent.id, self._now()):
            await self._audit.note(
                user_id, AuditAction.FAILED, "the workspace does not renew the token"
            )

    async def _announce_dead(self) -> None:
        now = self._now()
        for dead in await self._lent.claim_revoked(now=now, until=now + TURN_TO_TELL):
            await self._connections.events.put(TokenExpired(dead.owner, dead.id))
