"""Refreshing OAuth tokens: one refresh at a time for each user, across all processes.

A refresh token works once, and using it ends the old access token at the same moment, so the new
pair must be stored before it is used.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, TypeVar
from weakref import WeakValueDictionary

import structlog

from bot.errors import RefusedError, StorageError, UnreachableError, WorkspaceError
from bot.features.accounts.store import Accounts, DelegatedToken, count_accounts
from bot.models import TokenPair
from bot.rocketchat.oauth import OAuthProvider
from bot.storage.database import Database

REFRESH_LEASE: Final = timedelta(seconds=30)
"""How long one process may refresh one token: longer than the request and the saving can take."""

_POLL_EVERY_S: Final = 0.1
_SAVE_PAUSE_S: Final = 0.1
_MAX_SAVE_TRIES: Final = 5
T = TypeVar("T")


class TokenRefresher:
    """Exchanges a token pair for the next one, and stores that."""

    def __init__(
        self,
        accounts: Accounts,
        oauth: OAuthProvider | None,
        now: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        lease: timedelta = REFRESH_LEASE,
    ) -> None:
        self._lease: Final = lease
        self._accounts: Final = accounts
        self._oauth: Final = oauth
        self._now: Final = now
        self._sleep: Final = sleep
        # By the id of the token that each replaces.
        self._unsaved: Final[dict[str, TokenPair]] = {}
        self._locks: Final[WeakValueDictionary[str, asyncio.Lock]] = WeakValueDictionary()
        self._log = structlog.get_logger("token refresh")

    async def refresh(self, old: DelegatedToken) -> DelegatedToken | None:
        """Return the token that replaces ``old``; refresh it unless that was done already.

        Returns None where it is no longer stored. Raises GrantRefusedError where the workspace
        does not refresh it: then the token is dead. Other WorkspaceErrors leave it as it was.
        """
        lock = self._locks.setdefault(old.token.user_id, asyncio.Lock())
        async with lock:
            return await self._refresh_under_lease(old)

    async def _refresh_under_lease(self, old: DelegatedToken) -> DelegatedToken | None:
        # Longer than a lease, so that the lease of a process that was killed runs out.
        user_id, give_up_at = old.token.user_id, self._now() + self._lease * 1.5
        while True:
            stored = await self._accounts.load_token(user_id)
            if stored is None or stored.id != old.id:
                return stored
            if stored.id in self._unsaved:
                return await _run_to_end(self._exchange(stored))
            now = self._now()
            if await self._accounts.claim_refresh(
                user_id, old.id, now=now, until=now + self._lease
            ):
                return await _run_to_end(self._exchange(stored))
            if now >= give_up_at:
                raise UnreachableError("another process refreshes this token, and does not end")
            await self._sleep(_POLL_EVERY_S)

    async def _exchange(self, old: DelegatedToken) -> DelegatedToken | None:
        user_id = old.token.user_id
        if old.id not in self._unsaved:
            self._unsaved[old.id] = await self._fetch_next(old)
        # Kept in memory until it is stored: the old pair no longer works.
        if await self._save(old, self._unsaved[old.id]):
            self._log.info("refreshed a token", user_id=user_id)
        del self._unsaved[old.id]
        return await self._accounts.load_token(user_id)

    async def _fetch_next(self, old: DelegatedToken) -> TokenPair:
        """Return the next pair; release the lease where the workspace refuses."""
        try:
            if self._oauth is None:
                raise RefusedError("[oauth] is not set, so this token cannot be refreshed")
            if old.refresh_token is None:
                raise RefusedError("this token cannot be refreshed")
            return await self._oauth.refresh(old.refresh_token)
        except WorkspaceError:
            await self._accounts.release_refresh(old.token.user_id, old.id)
            raise

    async def _save(self, old: DelegatedToken, pair: TokenPair) -> bool:
        """Store the pair; several tries, because without it the account is lost."""
        save = partial(self._accounts.replace_token, old.token.user_id, old.id, pair, self._now())
        for _ in range(_MAX_SAVE_TRIES - 1):
            try:
                return await save()
            except StorageError as error:
                self._log.error("a refreshed token cannot be saved", problem=str(error))
            await self._sleep(_SAVE_PAUSE_S)
        return await save()


async def _run_to_end(work: Coroutine[Any, Any, T]) -> T:
    """Finish the work even if the caller is cancelled, so that a fetched pair is stored.

    The work ends by itself: the request and the saving have their own timeouts.
    """
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        if not task.done():
            await asyncio.wait([task])
        raise


async def warn_if_oauth_is_missing(database: Database) -> None:
    """Log a warning where accounts need OAuth and the operator has not set it up."""
    count = await count_accounts(database, kind="oauth")
    if count:
        structlog.get_logger("token refresh").warning(
            "[oauth] is not set, but people have connected with it: their permissions cannot be"
            " renewed and will end; set client_id and client_secret again",
            accounts=count,
        )
