"""The accounts of people who have delegated a token to the bot, and those tokens, sealed."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from pydantic import SecretStr
from sqlalchemy import ColumnElement, and_, bindparam, delete, func, or_, select, update

from bot.models import AuthToken, Sender, TokenPair, User
from bot.storage.database import Database
from bot.storage.sqlite_fast_path import BareStatement
from bot.storage.tables import Condition, accounts, columns_of, values_of
from bot.storage.vault import Vault

ACCESS: Final = "access token"
REFRESH: Final = "refresh token"
EXPIRY_MARGIN: Final = timedelta(minutes=2)
"""A token is refreshed when it expires within this time."""


@dataclass(frozen=True, slots=True)
class ConnectedAccount:
    """A connected account; ``zone`` is the IANA name its user chose, or empty.

    ``language`` and ``utc_offset`` (hours) are Rocket.Chat's, as in ``bot.models.User``.
    """

    user_id: str
    username: str
    kind: Literal["personal_access_token", "oauth"]
    connected_at: datetime
    language: str = ""
    utc_offset: float | None = None
    zone: str = ""

    @property
    def is_oauth(self) -> bool:
        """Whether its token came over OAuth."""
        return self.kind == "oauth"


@dataclass(frozen=True, slots=True)
class DelegatedToken:
    """A stored token; ``id`` changes with every new token, also of the same user.

    A token that came over OAuth can be refreshed and has the next three fields. ``signed_out_at``
    is when its owner last had everything signed out at once.
    """

    id: str
    token: AuthToken
    refresh_token: SecretStr | None = None
    expires_at: datetime | None = None
    refreshed_at: datetime | None = None
    signed_out_at: datetime | None = None

    def is_due(self, now: datetime) -> bool:
        """Return whether it is to be refreshed: it has expired or is about to."""
        return self.expires_at is not None and now >= self.expires_at - EXPIRY_MARGIN


@dataclass(frozen=True, slots=True)
class TokenExpired:
    """The workspace no longer accepts the token ``token_id`` of ``asker``, who is to be told."""

    asker: Sender
    token_id: str


_row: Final = accounts.c
_COLUMNS: Final = columns_of(accounts, ConnectedAccount)
_LOAD: Final = BareStatement(
    select(*_COLUMNS).where(_row.user_id == bindparam("user_id"), _row.revoked_at.is_(None))
)
_LOAD_TOKEN: Final = BareStatement(
    select(
        _row.token_id,
        _row.is_bearer,
        _row.sealed_token,
        _row.sealed_refresh_token,
        _row.expires_at,
        _row.refreshed_at,
        _row.signed_out_at,
    ).where(_row.user_id == bindparam("user_id"), _row.revoked_at.is_(None))
)


class Accounts:
    """The accounts and their sealed tokens. Every method raises StorageError."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database: Final = database
        self._vault: Final = vault

    async def save(
        self, account: ConnectedAccount, token: AuthToken, *, only_if: Condition | None = None
    ) -> bool:
        """Save the account; one that is stored gets the new token but keeps its zone.

        Return false, and save nothing, where ``only_if`` finds no row.
        """
        if token.user_id != account.user_id:
            raise ValueError("The token is another user's.")
        return await self._save(account, _seal_token(self._vault, token), only_if)

    async def save_pair(
        self,
        account: ConnectedAccount,
        pair: TokenPair,
        now: datetime,
        *,
        only_if: Condition | None = None,
    ) -> bool:
        """Save the account as ``save`` does, with tokens that can be refreshed, issued now."""
        return await self._save(
            account, seal_pair(self._vault, account.user_id, pair, now), only_if
        )

    async def _save(
        self, account: ConnectedAccount, columns: dict[str, Any], only_if: Condition | None
    ) -> bool:
        values = values_of(account) | {"revoked_at": None, "notified_at": None} | columns
        return await self._database.upsert(accounts, values, keep={"zone"}, only_if=only_if)

    async def load(self, user_id: str) -> ConnectedAccount | None:
        """Return the account; None also where its token is revoked."""
        rows = await self._database.read(_LOAD.bind({"user_id": user_id}))
        return ConnectedAccount(*rows[0]) if rows else None

    async def load_unnotified(self, *, connected_after: datetime) -> list[ConnectedAccount]:
        """Return the accounts whose users have not been told in chat that they are connected."""
        query = select(*_COLUMNS).where(
            _row.notified_at.is_(None),
            _row.revoked_at.is_(None),
            _row.connected_at > connected_after,
        )
        return [ConnectedAccount(*row) for row in await self._database.fetch_all(query)]

    async def mark_notified(self, user_id: str, connected_at: datetime, now: datetime) -> None:
        """Note that the user was told; do nothing where they connected again meanwhile."""
        is_same = and_(_row.user_id == user_id, _row.connected_at == connected_at)
        await self._database.execute(update(accounts).where(is_same).values(notified_at=now))

    async def save_username(self, user_id: str, username: str) -> None:
        """Save the user name that the person has now; do nothing without an account."""
        is_renamed = and_(_row.user_id == user_id, _row.username != username)
        await self._database.execute(update(accounts).where(is_renamed).values(username=username))

    async def save_profile(self, user: User) -> None:
        """Save the name, language and UTC offset of a person; do nothing without an account."""
        is_changed = or_(
            _row.username != user.username,
            _row.language != user.language,
            _row.utc_offset.is_distinct_from(user.utc_offset),
        )
        statement = update(accounts).where(_row.user_id == user.id, is_changed)
        await self._database.execute(
            statement.values(
                username=user.username, language=user.language, utc_offset=user.utc_offset
            )
        )

    async def load_without_zone(self, after: str, limit: int) -> list[str]:
        """Return the first ids of users above ``after`` whose time zone is Rocket.Chat's offset."""
        has_no_zone = (_row.zone == "", _row.revoked_at.is_(None), _row.user_id > after)
        query = select(_row.user_id).where(*has_no_zone).order_by(_row.user_id).limit(limit)
        return [row.user_id for row in await self._database.fetch_all(query)]

    async def save_zone(self, user_id: str, zone: str) -> None:
        """Save the time zone the user chose; do nothing without an account."""
        await self._database.execute(
            update(accounts).where(_row.user_id == user_id).values(zone=zone)
        )

    async def delete(self, user_id: str) -> bool:
        """Delete the account and its token; return false where there was none."""
        return await self._database.execute(delete(accounts).where(_row.user_id == user_id)) == 1

    async def load_token(self, user_id: str) -> DelegatedToken | None:
        """Return the user's token, if it is not revoked; raise SealBrokenError."""
        rows = await self._database.read(_LOAD_TOKEN.bind({"user_id": user_id}))
        return self._open_token(user_id, rows[0]) if rows else None

    async def claim_refresh(
        self, user_id: str, token_id: str, *, now: datetime, until: datetime
    ) -> bool:
        """Claim the refresh of this token; return false where another has, or the token is gone."""
        is_free = or_(_row.refreshing_until.is_(None), _row.refreshing_until <= now)
        return await self._update_token(user_id, token_id, is_free, refreshing_until=until)

    async def release_refresh(self, user_id: str, token_id: str) -> None:
        """End the claim, so that the refresh can be tried again."""
        await self._update_token(user_id, token_id, refreshing_until=None)

    async def replace_token(
        self, user_id: str, token_id: str, pair: TokenPair, now: datetime
    ) -> bool:
        """Replace both tokens at once; return false where this is not the stored token any more."""
        return await self._update_token(
            user_id, token_id, **seal_pair(self._vault, user_id, pair, now)
        )

    async def mark_revoked(self, user_id: str, token_id: str, now: datetime) -> bool:
        """Erase a token, of which its owner is told later; return false where it is not stored."""
        return await self._update_token(
            user_id,
            token_id,
            revoked_at=now,
            refreshing_until=None,
            sealed_token=b"",
            sealed_refresh_token=None,
        )

    async def delete_token(self, user_id: str, token_id: str) -> bool:
        """Delete the account, if this is still its token; return false where it is not."""
        statement = delete(accounts).where(_row.user_id == user_id, _row.token_id == token_id)
        return await self._database.execute(statement) == 1

    async def claim_revoked(self, *, now: datetime, until: datetime) -> list[TokenExpired]:
        """Claim the notices to the owners of revoked tokens, until ``until``."""
        is_free = or_(_row.refreshing_until.is_(None), _row.refreshing_until <= now)
        statement = (
            update(accounts)
            .where(_row.revoked_at.is_not(None), is_free)
            .values(refreshing_until=until)
            .returning(_row.token_id, _row.user_id, _row.username)
        )
        rows = await self._database.write(lambda connection: connection.execute(statement).all())
        return [TokenExpired(Sender(row.user_id, row.username), row.token_id) for row in rows]

    async def load_refreshed_before(self, time: datetime) -> list[str]:
        """Return the users whose tokens were last refreshed before this, the oldest first."""
        query = (
            select(_row.user_id)
            .where(_row.refreshed_at < time, _row.revoked_at.is_(None))
            .order_by(_row.refreshed_at)
        )
        return [row.user_id for row in await self._database.fetch_all(query)]

    async def save_signed_out(self, user_id: str, at: datetime) -> None:
        """Note that everything was signed out; do nothing without an account."""
        statement = update(accounts).where(_row.user_id == user_id).values(signed_out_at=at)
        await self._database.execute(statement)

    async def load_uncleaned(self) -> list[str]:
        """Return the users for whom the workspace may still list what was signed out."""
        is_cleaned = _row.list_cleaned_until.is_not_distinct_from(_row.signed_out_at)
        query = select(_row.user_id).where(~is_cleaned)
        return [row.user_id for row in await self._database.fetch_all(query)]

    async def save_cleaned(self, user_id: str, until: datetime) -> None:
        """Note that the list was cleaned of what was signed out at that time."""
        statement = update(accounts).where(_row.user_id == user_id)
        await self._database.execute(statement.values(list_cleaned_until=until))

    def _open_token(self, user_id: str, row: tuple[Any, ...]) -> DelegatedToken:
        token_id, is_bearer, sealed, sealed_refresh, *times = row
        secret = self._vault.open(sealed, user_id=user_id, purpose=ACCESS)
        refresh = None
        if sealed_refresh:
            refresh = self._vault.open(sealed_refresh, user_id=user_id, purpose=REFRESH)
        token = AuthToken(user_id, secret, is_bearer=bool(is_bearer))
        return DelegatedToken(token_id, token, refresh, *times)

    async def _update_token(
        self, user_id: str, token_id: str, /, *conditions: ColumnElement[bool], **values: object
    ) -> bool:
        is_stored = (_row.user_id == user_id, _row.token_id == token_id, _row.revoked_at.is_(None))
        statement = update(accounts).where(*is_stored, *conditions).values(values)
        return await self._database.execute(statement) == 1


async def load_accounts(database: Database) -> list[ConnectedAccount]:
    """Return all accounts by user name, those with a revoked token too.

    Raises StorageError; needs no key.
    """
    query = select(*_COLUMNS).order_by(_row.username)
    return [ConnectedAccount(*row) for row in await database.fetch_all(query)]


async def count_accounts(database: Database, *, kind: str = "") -> int:
    """Return the number of all accounts, or of those of one kind with a valid token.

    Raises StorageError; needs no key.
    """
    query = select(func.count()).select_from(accounts)
    if kind:
        query = query.where(_row.kind == kind, _row.revoked_at.is_(None))
    return int(await database.fetch_value(query))


def seal_pair(vault: Vault, user_id: str, pair: TokenPair, now: datetime) -> dict[str, Any]:
    """Return the columns that hold a pair of tokens which was issued now."""
    return _seal_token(vault, AuthToken(user_id, pair.access_token, is_bearer=True)) | {
        "sealed_refresh_token": vault.seal(pair.refresh_token, user_id=user_id, purpose=REFRESH),
        "expires_at": pair.expires_at,
        "refreshed_at": now,
    }


def _seal_token(vault: Vault, token: AuthToken) -> dict[str, Any]:
    """Return the columns that hold a token which cannot be refreshed."""
    return {
        "is_bearer": token.is_bearer,
        "sealed_token": vault.seal(token.secret, user_id=token.user_id, purpose=ACCESS),
        "sealed_refresh_token": None,
        "expires_at": None,
        "refreshed_at": None,
        "refreshing_until": None,
        # Random, so that no later token is ever mistaken for an earlier one.
        "token_id": secrets.token_hex(8),
    }
