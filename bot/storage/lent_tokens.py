"""Tokens that people lent: what is stored of each, and the renewing of those that can be."""

import secrets
from asyncio import Future
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final

from pydantic import SecretStr
from sqlalchemy import ColumnElement, bindparam, delete, or_, select, update

from bot.models import AuthToken, Sender, TokenPair
from bot.storage.database import Database
from bot.storage.foresight import Foresight, Part, Rows
from bot.storage.statement import Statement
from bot.storage.tables import accounts
from bot.storage.vault import Vault
from bot.values import value

ACCESS: Final = "access token"
REFRESH: Final = "refresh token"
_row: Final = accounts.c
TOKEN_COLUMNS: Final = (
    _row.token_id,
    _row.is_bearer,
    _row.sealed_token,
    _row.sealed_refresh_token,
    _row.expires_at,
    _row.renewed_at,
)
_LOAD: Final = Statement(
    select(*TOKEN_COLUMNS).where(_row.user_id == bindparam("user"), _row.dead_since.is_(None))
)


@value
class LentToken:
    """A token as it is stored; ``id`` changes with every new token, also of the same user.

    What came over OAuth can be renewed and has ``refresh_token``, ``expires_at``, ``renewed_at``.
    """

    id: str
    token: AuthToken
    refresh_token: SecretStr | None = None
    expires_at: datetime | None = None
    renewed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class DeadToken:
    """The workspace ended this token; its owner has not been told yet."""

    id: str
    owner: Sender


class LentTokens:
    """The tokens of connected accounts, sealed. Everything raises StorageError."""

    def __init__(self, database: Database, vault: Vault, foresight: Foresight) -> None:
        self._database = database
        self._vault = vault
        self._foresight: Final = foresight

    async def load(self, user_id: str) -> LentToken | None:
        """Give what the user lent; raise SealBrokenError where it does not open."""
        rows = await self._foresight.read(user_id, Part.TOKEN, self._begin_to_load)
        return self._open(user_id, rows[0]) if rows else None

    async def take_turn(
        self, user_id: str, token_id: str, *, now: datetime, until: datetime
    ) -> bool:
        """Take the turn to renew this token; false while it is another's, or the token is gone."""
        is_free = or_(_row.renewing_until.is_(None), _row.renewing_until <= now)
        return await self._change(user_id, token_id, is_free, renewing_until=until)

    async def give_up_turn(self, user_id: str, token_id: str) -> None:
        """Let the next one try to renew."""
        await self._change(user_id, token_id, renewing_until=None)

    async def renew(self, user_id: str, token_id: str, pair: TokenPair, now: datetime) -> bool:
        """Replace both tokens at once; false where this token is not the stored one any more."""
        values = seal_pair(self._vault, user_id, pair, now)
        return await self._change(user_id, token_id, **values)

    async def bury(self, user_id: str, token_id: str, now: datetime) -> bool:
        """Make a dead token unusable, its owner being told later; false where it is not stored."""
        return await self._change(
            user_id,
            token_id,
            dead_since=now,
            renewing_until=None,
            sealed_token=b"",
            sealed_refresh_token=None,
        )

    async def forget(self, user_id: str, token_id: str) -> bool:
        """Delete the account, if this is still its token; false where it is not."""
        statement = delete(accounts).where(_row.user_id == user_id, _row.token_id == token_id)
        return await self._database.run(
            lambda connection: connection.execute(statement).rowcount == 1
        )

    async def take_dead(self, *, now: datetime, until: datetime) -> list[DeadToken]:
        """Take the turn to tell the owners of dead tokens; each is given to one who asks."""
        is_free = or_(_row.renewing_until.is_(None), _row.renewing_until <= now)
        statement = (
            update(accounts)
            .where(_row.dead_since.is_not(None), is_free)
            .values(renewing_until=until)
            .returning(_row.token_id, _row.user_id, _row.username)
        )
        rows = await self._database.run(lambda connection: connection.execute(statement).all())
        return [DeadToken(row.token_id, Sender(row.user_id, row.username)) for row in rows]

    async def load_older(self, than: datetime) -> list[str]:
        """Give the users whose pair was not renewed since then, the oldest first."""
        query = (
            select(_row.user_id)
            .where(_row.renewed_at < than, _row.dead_since.is_(None))
            .order_by(_row.renewed_at)
        )
        return await self._database.run(
            lambda connection: list(connection.execute(query).scalars())
        )

    def _begin_to_load(self, user_id: str) -> Future[Rows]:
        return self._database.begin_to_read(partial(_LOAD.run, values={"user": user_id}))

    def _open(self, user_id: str, row: tuple[Any, ...]) -> LentToken:
        token_id, is_bearer, sealed, sealed_refresh, expires_at, renewed_at = row
        secret = self._vault.open(sealed, user_id=user_id, purpose=ACCESS)
        refresh = None
        if sealed_refresh:
            refresh = self._vault.open(sealed_refresh, user_id=user_id, purpose=REFRESH)
        token = AuthToken(user_id, secret, is_bearer=bool(is_bearer))
        return LentToken(token_id, token, refresh, expires_at, renewed_at)

    async def _change(
        self, user_id: str, token_id: str, /, *conditions: ColumnElement[bool], **values: object
    ) -> bool:
        is_stored = (_row.user_id == user_id, _row.token_id == token_id, _row.dead_since.is_(None))
        statement = update(accounts).where(*is_stored, *conditions).values(values)
        return await self._database.run(
            lambda connection: connection.execute(statement).rowcount == 1
        )


def seal_pair(vault: Vault, user_id: str, pair: TokenPair, now: datetime) -> dict[str, Any]:
    """Make the columns that hold a pair which was given now."""
    return {
        "is_bearer": True,
        "sealed_token": vault.seal(pair.access_token, user_id=user_id, purpose=ACCESS),
        "sealed_refresh_token": vault.seal(pair.refresh_token, user_id=user_id, purpose=REFRESH),
        "expires_at": pair.expires_at,
        "renewed_at": now,
        "renewing_until": None,
        "token_id": make_token_id(),
    }


def make_token_id() -> str:
    """Make a name for one token: random, so that no later token ever passes for an earlier."""
    return secrets.token_hex(8)
