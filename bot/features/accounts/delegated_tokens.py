"""The tokens that people delegated to the bot, stored sealed."""

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pydantic import SecretStr
from sqlalchemy import ColumnElement, bindparam, delete, or_, select, update

from bot.models import AuthToken, Sender, TokenPair
from bot.storage.database import Database
from bot.storage.statement import BareStatement
from bot.storage.tables import accounts
from bot.storage.vault import Vault

ACCESS: Final = "access token"
REFRESH: Final = "refresh token"

_row: Final = accounts.c
_LOAD: Final = BareStatement(
    select(
        _row.token_id,
        _row.is_bearer,
        _row.sealed_token,
        _row.sealed_refresh_token,
        _row.expires_at,
        _row.refreshed_at,
    ).where(_row.user_id == bindparam("user_id"), _row.revoked_at.is_(None))
)


@dataclass(frozen=True, slots=True)
class DelegatedToken:
    """A stored token; ``id`` changes with every new token, also of the same user.

    A token that came over OAuth can be refreshed and has the last three fields.
    """

    id: str
    token: AuthToken
    refresh_token: SecretStr | None = None
    expires_at: datetime | None = None
    refreshed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RevokedToken:
    """A token that the workspace revoked and whose owner does not know it yet."""

    id: str
    owner: Sender


class DelegatedTokens:
    """The tokens in the accounts' rows. Every method raises StorageError."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database: Final = database
        self._vault: Final = vault

    async def load(self, user_id: str) -> DelegatedToken | None:
        """Return the user's token, if it is not revoked; raise SealBrokenError."""
        rows = await self._database.read(_LOAD.bind({"user_id": user_id}))
        return self._open(user_id, rows[0]) if rows else None

    async def claim_refresh(
        self, user_id: str, token_id: str, *, now: datetime, until: datetime
    ) -> bool:
        """Claim the refresh of this token; return false where another has, or the token is gone."""
        is_free = or_(_row.refreshing_until.is_(None), _row.refreshing_until <= now)
        return await self._update(user_id, token_id, is_free, refreshing_until=until)

    async def release_refresh(self, user_id: str, token_id: str) -> None:
        """End the claim, so that the refresh can be tried again."""
        await self._update(user_id, token_id, refreshing_until=None)

    async def replace(self, user_id: str, token_id: str, pair: TokenPair, now: datetime) -> bool:
        """Replace both tokens at once; return false where this is not the stored token any more."""
        return await self._update(user_id, token_id, **seal_pair(self._vault, user_id, pair, now))

    async def mark_revoked(self, user_id: str, token_id: str, now: datetime) -> bool:
        """Erase a token, of which its owner is told later; return false where it is not stored."""
        return await self._update(
            user_id,
            token_id,
            revoked_at=now,
            refreshing_until=None,
            sealed_token=b"",
            sealed_refresh_token=None,
        )

    async def delete(self, user_id: str, token_id: str) -> bool:
        """Delete the account, if this is still its token; return false where it is not."""
        statement = delete(accounts).where(_row.user_id == user_id, _row.token_id == token_id)
        return await self._database.execute(statement) == 1

    async def claim_revoked(self, *, now: datetime, until: datetime) -> list[RevokedToken]:
        """Claim the notices to the owners of revoked tokens, until ``until``."""
        is_free = or_(_row.refreshing_until.is_(None), _row.refreshing_until <= now)
        statement = (
            update(accounts)
            .where(_row.revoked_at.is_not(None), is_free)
            .values(refreshing_until=until)
            .returning(_row.token_id, _row.user_id, _row.username)
        )
        rows = await self._database.write(lambda connection: connection.execute(statement).all())
        return [RevokedToken(row.token_id, Sender(row.user_id, row.username)) for row in rows]

    async def load_refreshed_before(self, time: datetime) -> list[str]:
        """Return the users whose tokens were last refreshed before this, the oldest first."""
        query = (
            select(_row.user_id)
            .where(_row.refreshed_at < time, _row.revoked_at.is_(None))
            .order_by(_row.refreshed_at)
        )
        return [row.user_id for row in await self._database.fetch_all(query)]

    def _open(self, user_id: str, row: tuple[Any, ...]) -> DelegatedToken:
        token_id, is_bearer, sealed, sealed_refresh, expires_at, refreshed_at = row
        secret = self._vault.open(sealed, user_id=user_id, purpose=ACCESS)
        refresh = None
        if sealed_refresh:
            refresh = self._vault.open(sealed_refresh, user_id=user_id, purpose=REFRESH)
        token = AuthToken(user_id, secret, is_bearer=bool(is_bearer))
        return DelegatedToken(token_id, token, refresh, expires_at, refreshed_at)

    async def _update(
        self, user_id: str, token_id: str, /, *conditions: ColumnElement[bool], **values: object
    ) -> bool:
        is_stored = (_row.user_id == user_id, _row.token_id == token_id, _row.revoked_at.is_(None))
        statement = update(accounts).where(*is_stored, *conditions).values(values)
        return await self._database.execute(statement) == 1


def seal_pair(vault: Vault, user_id: str, pair: TokenPair, now: datetime) -> dict[str, Any]:
    """Return the columns that hold a pair of tokens which was issued now."""
    return {
        "is_bearer": True,
        "sealed_token": vault.seal(pair.access_token, user_id=user_id, purpose=ACCESS),
        "sealed_refresh_token": vault.seal(pair.refresh_token, user_id=user_id, purpose=REFRESH),
        "expires_at": pair.expires_at,
        "refreshed_at": now,
        "refreshing_until": None,
        "token_id": make_token_id(),
    }


def seal_token(vault: Vault, token: AuthToken) -> dict[str, Any]:
    """Return the columns that hold a token which cannot be refreshed."""
    return {
        "is_bearer": token.is_bearer,
        "sealed_token": vault.seal(token.secret, user_id=token.user_id, purpose=ACCESS),
        "sealed_refresh_token": None,
        "expires_at": None,
        "refreshed_at": None,
        "refreshing_until": None,
        "token_id": make_token_id(),
    }


def make_token_id() -> str:
    """Return a random id, so that no later token is ever mistaken for an earlier one."""
    return secrets.token_hex(8)
