"""The tokens that people lent: each used for one call, renewed in time, forgotten when dead."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final, TypeVar

import structlog

from bot.deadline import within
from bot.errors import (
    GrantRefusedError,
    NotConnectedError,
    RefusedError,
    SealBrokenError,
    TokenRejectedError,
    UserError,
    WorkspaceError,
)
from bot.features.accounts.audit import Audit, AuditAction
from bot.features.accounts.bearer_refusals import BearerRefusals
from bot.features.accounts.delegated_tokens import DelegatedToken, DelegatedTokens
from bot.features.accounts.token_refresh import TokenRefresher
from bot.models import AuthToken
from bot.rocketchat.client import RestClient

_PATIENCE: Final = 5.0


class BearerSupport:
    """Remembers by version what was seen, so that an update of the workspace is tried anew."""

    def __init__(
        self, rest: RestClient, refusals: BearerRefusals, now: Callable[[], datetime]
    ) -> None:
        self._rest: Final = rest
        self._refusals: Final = refusals
        self._now: Final = now
        self._log = structlog.get_logger("bearer")

    async def is_missing(self) -> bool:
        """Return whether the workspace's present version was seen to ignore bearer tokens."""
        if not await self._refusals.has_any():
            return False
        try:
            version = await within(_PATIENCE, self._rest.fetch_version(), lambda: None)
            return await self._refusals.contains(version)
        except WorkspaceError:
            return False

    async def note_missing(self) -> None:
        """Remember that the present version ignores them; a later one will be tried again."""
        try:
            version = await self._rest.fetch_version()
        except WorkspaceError as error:
            self._log.warning("the workspace does not tell its version", problem=str(error))
            return
        self._log.warning("the workspace ignores bearer tokens", version=version)
        await self._refusals.save(version, self._now())


_TRIES: Final = 3
T = TypeVar("T")
Call = Callable[[AuthToken], Awaitable[T]]


class Tokens:
    """Lends a user's delegated token to calls in that user's name."""

    def __init__(
        self,
        lent: DelegatedTokens,
        renewals: TokenRefresher,
        rest: RestClient,
        bearer: BearerSupport,
        audit: Audit,
    ) -> None:
        self._lent: Final = lent
        self._renewals: Final = renewals
        self._rest: Final = rest
        self._bearer: Final = bearer
        self._audit: Final = audit
        self._log = structlog.get_logger("tokens")

    async def use(
        self, user_id: str, call: Call[T], *, deed: AuditAction = AuditAction.USED, detail: str = ""
    ) -> T:
        """Make a call with the user's own token, and leave an audit record of it.

        Raises NotConnectedError where there is none, or none that the workspace still accepts: a
        401 is checked against ``GET me`` before the token is forgotten, because an endpoint may
        refuse for other reasons than the token. The call may be made twice: a token that is
        renewed meanwhile makes it fail with 401, and so without effect.
        """
        lent = await self._load_fresh(user_id)
        try:
            answer = await self._call(lent, call)
        except NotConnectedError:
            raise
        except (UserError, WorkspaceError) as error:
            await self._audit.note(user_id, AuditAction.FAILED, f"{detail}: {type(error).__name__}")
            raise
        await self._audit.note(user_id, deed, detail)
        return answer

    async def _call(self, lent: DelegatedToken, call: Call[T]) -> T:
        for _ in range(_TRIES):
            try:
                return await call(lent.token)
            except TokenRejectedError as error:
                lent = await self._replace(lent, error)
        # One fresh token after the other is refused: the workspace does not look at them.
        await self._bearer.note_missing()
        raise await self._forget(lent)

    async def _replace(self, lent: DelegatedToken, error: TokenRejectedError) -> DelegatedToken:
        """Return another token to try instead of one that got 401, or raise what that 401 means."""
        stored = await self._load(lent.token.user_id)
        if stored.id != lent.id:
            return stored
        if await self._is_alive(lent.token):
            raise RefusedError("the token is valid, but was refused here") from error
        if lent.refresh_token is None:
            raise await self._forget(lent)
        # Perhaps somebody else is renewing it just now: then this waits for what they get.
        return await self._renew(lent)

    async def _is_alive(self, token: AuthToken) -> bool:
        try:
            await self._rest.fetch_user(token)
        except TokenRejectedError:
            return False
        return True

    async def _load_fresh(self, user_id: str) -> DelegatedToken:
        lent = await self._load(user_id)
        return await self._renew(lent) if self._renewals.is_due(lent) else lent

    async def _load(self, user_id: str) -> DelegatedToken:
        try:
            lent = await self._lent.load(user_id)
        except SealBrokenError as error:
            self._log.error("a token does not open", user_id=user_id, problem=str(error))
            await self._audit.note(user_id, AuditAction.FAILED, "the stored token does not open")
            raise NotConnectedError(
                "I can't open the token you lent me: what I stored of it has been damaged or "
                "changed. The operator will find it in the log; please connect again."
            ) from error
        if lent is None:
            raise NotConnectedError("To see your sessions I need your permission.")
        return lent

    async def _renew(self, lent: DelegatedToken) -> DelegatedToken:
        try:
            renewed = await self._renewals.renew(lent)
        except GrantRefusedError as error:
            raise await self._forget(lent) from error
        if renewed is None:
            raise NotConnectedError("To see your sessions I need your permission.")
        return renewed

    async def _forget(self, lent: DelegatedToken) -> NotConnectedError:
        user_id = lent.token.user_id
        if await self._lent.delete(user_id, lent.id):
            self._log.info("forgot a token that the workspace refuses", user_id=user_id)
            await self._audit.note(user_id, AuditAction.FAILED, "the workspace refuses the token")
        return NotConnectedError(
            "Your workspace no longer accepts the token you lent me, so I have forgotten it."
        )
