"""Renewing what came over OAuth: one at a time for each user, however many processes there are.

A refresh token is good once, and using it kills the old access token in the same moment, so the
new pair must be on disk before anybody uses it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar
from weakref import WeakValueDictionary

import structlog

from bot.errors import RefusedError, StorageError, UnreachableError, WorkspaceError
from bot.features.accounts.delegated_tokens import DelegatedToken, DelegatedTokens
from bot.features.accounts.store import count_accounts
from bot.models import TokenPair
from bot.rocketchat.oauth import OAuthProvider
from bot.storage.database import Database

TURN: Final = timedelta(seconds=30)
"""How long one process may renew one token: longer than the request and the saving can take."""
MARGIN: Final = timedelta(minutes=2)
"""A token is renewed when it has no longer than this to live."""

_PAUSE: Final = 0.1
_TRIES_TO_SAVE: Final = 5
T = TypeVar("T")


class TokenRefresher:
    """Gets the next pair of tokens, and keeps it."""

    def __init__(
        self,
        lent: DelegatedTokens,
        oauth: OAuthProvider | None,
        now: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        turn: timedelta = TURN,
    ) -> None:
        self._turn: Final = turn
        self._lent: Final = lent
        self._oauth: Final = oauth
        self._now: Final = now
        self._sleep: Final = sleep
        # By the id of the token that each replaces.
        self._unsaved: Final[dict[str, TokenPair]] = {}
        self._locks: Final[WeakValueDictionary[str, asyncio.Lock]] = WeakValueDictionary()
        self._log = structlog.get_logger("renewals")

    def is_due(self, lent: DelegatedToken) -> bool:
        """Return whether this token has expired or is about to."""
        return lent.expires_at is not None and self._now() >= lent.expires_at - MARGIN

    async def renew(self, old: DelegatedToken) -> DelegatedToken | None:
        """Return the stored token that came after ``old``, which is renewed if it is still stored.

        None where it is gone. Raises GrantRefusedError where the workspace does not renew it:
        then the token is dead; other WorkspaceErrors leave it as it was.
        """
        lock = self._locks.setdefault(old.token.user_id, asyncio.Lock())
        async with lock:
            return await self._renew_in_turn(old)

    async def _renew_in_turn(self, old: DelegatedToken) -> DelegatedToken | None:
        # Longer than a turn, so that the turn of one that was killed passes on.
        user_id, give_up_at = old.token.user_id, self._now() + self._turn * 1.5
        while True:
            stored = await self._lent.load(user_id)
            if stored is None or stored.id != old.id:
                return stored
            if stored.id in self._unsaved:
                return await _undisturbed(self._exchange(stored))
            now = self._now()
            if await self._lent.claim_refresh(user_id, old.id, now=now, until=now + self._turn):
                return await _undisturbed(self._exchange(stored))
            if now >= give_up_at:
                raise UnreachableError("another process is renewing this token, and does not end")
            await self._sleep(_PAUSE)

    async def _exchange(self, old: DelegatedToken) -> DelegatedToken | None:
        user_id = old.token.user_id
        if old.id not in self._unsaved:
            self._unsaved[old.id] = await self._refresh_or_give_up(old)
        # Kept until it is on disk, for there is no other: the next try begins here.
        if await self._save(old, self._unsaved[old.id]):
            self._log.info("renewed a token", user_id=user_id)
        del self._unsaved[old.id]
        return await self._lent.load(user_id)

    async def _refresh_or_give_up(self, old: DelegatedToken) -> TokenPair:
        try:
            return await self._refresh(old)
        except WorkspaceError:
            await self._lent.release_refresh(old.token.user_id, old.id)
            raise

    async def _refresh(self, old: DelegatedToken) -> TokenPair:
        if self._oauth is None:
            raise RefusedError("[oauth] is not set, so this token cannot be renewed")
        if old.refresh_token is None:
            raise RefusedError("this token cannot be renewed")
        return await self._oauth.refresh(old.refresh_token)

    async def _save(self, old: DelegatedToken, pair: TokenPair) -> bool:
        """Keep the pair: not to keep it would end the connection, so a failing disk gets time."""
        for tries_left in reversed(range(_TRIES_TO_SAVE)):
            try:
                return await self._lent.replace(old.token.user_id, old.id, pair, self._now())
            except StorageError as error:
                self._log.error("a renewed token cannot be saved", problem=str(error))
                if not tries_left:
                    raise
            await self._sleep(_PAUSE)
        raise AssertionError("the last try either returns or raises")


async def _undisturbed(work: Coroutine[Any, Any, T]) -> T:
    """Finish the work even where the caller is cancelled: between the two steps lies the token.

    The work ends by itself: the request and the saving have their own time-outs.
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
