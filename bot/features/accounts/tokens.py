"""Calls with a user's delegated token, which is refreshed in time and deleted when it is dead."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final, TypeVar

import structlog

from bot.errors import (
    GrantRefusedError,
    NotConnectedError,
    RefusedError,
    SealBrokenError,
    TokenRejectedError,
    UserError,
    WorkspaceError,
)
from bot.features.accounts.audit import AuditAction, AuditTrail
from bot.features.accounts.bearer_support import note_bearer_ignored
from bot.features.accounts.store import Accounts, DelegatedToken
from bot.features.accounts.token_refresh import TokenRefresher
from bot.models import AuthToken
from bot.rocketchat.client import RestClient
from bot.storage.database import Database
from bot.storage.tables import select_account

_MAX_TRIES: Final = 3
T = TypeVar("T")
TokenCall = Callable[[DelegatedToken], Awaitable[T]]


class Tokens:
    """Makes calls in a user's name."""

    def __init__(
        self,
        accounts: Accounts,
        refresher: TokenRefresher,
        rest: RestClient,
        database: Database,
        audit: AuditTrail,
        now: Callable[[], datetime],
    ) -> None:
        self.accounts: Final = accounts
        self._refresher: Final = refresher
        self._rest: Final = rest
        self._database: Final = database
        self._audit: Final = audit
        self._now: Final = now
        self._log = structlog.get_logger("tokens")

    async def use(
        self,
        user_id: str,
        call: TokenCall[T],
        *,
        action: AuditAction = AuditAction.USED,
        detail: str = "",
    ) -> T:
        """Make a call with the user's own token, and record it in the audit trail.

        Raises NotConnectedError where there is no token that the workspace accepts. A 401 is
        checked against ``GET me`` before the token is deleted, because an endpoint may refuse for
        other reasons. The call may be made again: a token that is refreshed meanwhile makes it
        fail with 401, and so without effect.
        """
        delegated = await self._load_fresh(user_id)
        try:
            answer = await self._call(delegated, call)
        except NotConnectedError:
            raise
        except (UserError, WorkspaceError) as error:
            problem = f"{detail}: {type(error).__name__}"
            await self._audit.note(
                user_id, AuditAction.FAILED, problem, only_if=select_account(user_id)
            )
            raise
        # USED looks for the account by itself, and this query takes as long as all of that.
        only_if = None if action is AuditAction.USED else select_account(user_id)
        await self._audit.note(user_id, action, detail, only_if=only_if)
        return answer

    async def has_fresh(self, user_id: str) -> bool:
        """Return whether a token of the user's is stored, opens and needs no refresh."""
        try:
            delegated = await self.accounts.load_token(user_id)
        except SealBrokenError:
            return False
        return delegated is not None and not delegated.is_due(self._now())

    async def _call(self, delegated: DelegatedToken, call: TokenCall[T]) -> T:
        for _ in range(_MAX_TRIES):
            try:
                return await call(delegated)
            except TokenRejectedError as error:
                delegated = await self._replace(delegated, error)
        # Every fresh token is refused: the workspace ignores bearer tokens.
        await note_bearer_ignored(self._database, self._rest, self._now())
        raise await self._delete(delegated)

    async def _replace(
        self, delegated: DelegatedToken, error: TokenRejectedError
    ) -> DelegatedToken:
        """Return another token to try instead of one that got 401, or raise what that 401 means."""
        stored = await self._load(delegated.token.user_id)
        if stored.id != delegated.id:
            return stored
        if await self._is_valid(delegated.token):
            raise RefusedError("the token is valid, but was refused here") from error
        if delegated.refresh_token is None:
            raise await self._delete(delegated)
        # Another process may be refreshing it just now: then this waits for its result.
        return await self._refresh(delegated)

    async def _is_valid(self, token: AuthToken) -> bool:
        try:
            await self._rest.fetch_user(token)
        except TokenRejectedError:
            return False
        return True

    async def _load_fresh(self, user_id: str) -> DelegatedToken:
        delegated = await self._load(user_id)
        return await self._refresh(delegated) if delegated.is_due(self._now()) else delegated

    async def _load(self, user_id: str) -> DelegatedToken:
        try:
            delegated = await self.accounts.load_token(user_id)
        except SealBrokenError as error:
            self._log.error("a token does not open", user_id=user_id, problem=str(error))
            await self._audit.note(user_id, AuditAction.FAILED, "the stored token does not open")
            raise NotConnectedError(
                "I can't open the token you gave me: the stored copy has been damaged or changed. "
                "The operator will find it in the log; please connect again.",
                is_said_unlicensed=True,
            ) from error
        if delegated is None:
            raise NotConnectedError("To see your sessions I need your permission.")
        return delegated

    async def _refresh(self, delegated: DelegatedToken) -> DelegatedToken:
        try:
            refreshed = await self._refresher.refresh(delegated)
        except GrantRefusedError as error:
            raise await self._delete(delegated) from error
        if refreshed is None:
            raise NotConnectedError("To see your sessions I need your permission.")
        return refreshed

    async def _delete(self, delegated: DelegatedToken) -> NotConnectedError:
        user_id = delegated.token.user_id
        if await self.accounts.delete_token(user_id, delegated.id):
            self._log.info("deleted a token that the workspace refuses", user_id=user_id)
            await self._audit.note(user_id, AuditAction.FAILED, "the workspace refuses the token")
        return NotConnectedError(
            "Your workspace no longer accepts the token you gave me, so I have deleted it.",
            is_said_unlicensed=True,
        )
