"""Connected accounts: who lent the bot a token, and what their profile says."""

import secrets
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final, Literal

from pydantic import SecretStr
from sqlalchemy import ColumnElement, and_, bindparam, delete, func, or_, select, update

from bot.models import AuthToken, Sender, TokenPair, list_names
from bot.storage.database import Database
from bot.storage.statement import BareStatement
from bot.storage.tables import accounts, bearer_refusals
from bot.storage.vault import Vault

ACCESS: Final = "access token"
REFRESH: Final = "refresh token"
_row: Final = accounts.c
_TOKEN_COLUMNS: Final = (
    _row.token_id,
    _row.is_bearer,
    _row.sealed_token,
    _row.sealed_refresh_token,
    _row.expires_at,
    _row.renewed_at,
)
_LOAD_TOKEN: Final = BareStatement(
    select(*_TOKEN_COLUMNS).where(_row.user_id == bindparam("user"), _row.dead_since.is_(None))
)


@dataclass(frozen=True, slots=True)
class DelegatedToken:
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


class DelegatedTokens:
    """The tokens of connected accounts, sealed. Everything raises StorageError."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault

    async def load(self, user_id: str) -> DelegatedToken | None:
        """Return what the user lent; raise SealBrokenError where it does not open."""
        rows = await self._database.read(_LOAD_TOKEN.bind({"user": user_id}))
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
        return await self._database.execute(statement) == 1

    async def take_dead(self, *, now: datetime, until: datetime) -> list[DeadToken]:
        """Take the turn to tell the owners of dead tokens; each is given to one who asks."""
        is_free = or_(_row.renewing_until.is_(None), _row.renewing_until <= now)
        statement = (
            update(accounts)
            .where(_row.dead_since.is_not(None), is_free)
            .values(renewing_until=until)
            .returning(_row.token_id, _row.user_id, _row.username)
        )
        rows = await self._database.write(lambda connection: connection.execute(statement).all())
        return [DeadToken(row.token_id, Sender(row.user_id, row.username)) for row in rows]

    async def load_older(self, than: datetime) -> list[str]:
        """Return the users whose pair was not renewed since then, the oldest first."""
        query = (
            select(_row.user_id)
            .where(_row.renewed_at < than, _row.dead_since.is_(None))
            .order_by(_row.renewed_at)
        )
        return [row.user_id for row in await self._database.fetch_all(query)]

    def _open(self, user_id: str, row: tuple[Any, ...]) -> DelegatedToken:
        token_id, is_bearer, sealed, sealed_refresh, expires_at, renewed_at = row
        secret = self._vault.open(sealed, user_id=user_id, purpose=ACCESS)
        refresh = None
        if sealed_refresh:
            refresh = self._vault.open(sealed_refresh, user_id=user_id, purpose=REFRESH)
        token = AuthToken(user_id, secret, is_bearer=bool(is_bearer))
        return DelegatedToken(token_id, token, refresh, expires_at, renewed_at)

    async def _change(
        self, user_id: str, token_id: str, /, *conditions: ColumnElement[bool], **values: object
    ) -> bool:
        is_stored = (_row.user_id == user_id, _row.token_id == token_id, _row.dead_since.is_(None))
        statement = update(accounts).where(*is_stored, *conditions).values(values)
        return await self._database.execute(statement) == 1


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


@dataclass(frozen=True, slots=True)
class ConnectedAccount:
    """Somebody who lent the bot a token; ``zone`` is the IANA name they chose, or empty.

    ``language`` and ``utc_offset`` (hours) are Rocket.Chat's, as in ``bot.models.User``.
    """

    user_id: str
    username: str
    kind: Literal["personal_access_token", "oauth"]
    connected_at: datetime
    language: str = ""
    utc_offset: float | None = None
    zone: str = ""


_NO_PAIR: Final[dict[str, object]] = dict.fromkeys(
    ("sealed_refresh_token", "expires_at", "renewed_at", "renewing_until")
)
_ACCOUNT_COLUMNS: Final = tuple(accounts.c[name] for name in list_names(ConnectedAccount))
_LOAD: Final = BareStatement(
    select(*_ACCOUNT_COLUMNS).where(
        accounts.c.user_id == bindparam("user"), accounts.c.dead_since.is_(None)
    )
)


class Accounts:
    """The accounts in the database, their tokens sealed. Everything raises StorageError."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault

    async def save(self, account: ConnectedAccount, token: AuthToken) -> None:
        """Keep the account; one that is there gets the new token but keeps its zone."""
        if token.user_id != account.user_id:
            raise ValueError("The token is another user's.")
        sealed = self._vault.seal(token.secret, user_id=account.user_id, purpose=ACCESS)
        columns: dict[str, object] = {"is_bearer": token.is_bearer, "sealed_token": sealed}
        await self._save(account, _NO_PAIR | columns | {"token_id": make_token_id()})

    async def save_pair(self, account: ConnectedAccount, pair: TokenPair, now: datetime) -> None:
        """Keep the account with tokens that can be renewed, given now."""
        await self._save(account, seal_pair(self._vault, account.user_id, pair, now))

    async def _save(self, account: ConnectedAccount, columns: dict[str, Any]) -> None:
        values = asdict(account) | {"dead_since": None, "told_at": None} | columns
        await self._database.upsert(accounts, values, keep={"zone"})

    async def load(self, user_id: str) -> ConnectedAccount | None:
        """Return the account without its token; None also where that token is dead."""
        rows = await self._database.read(_LOAD.bind({"user": user_id}))
        return ConnectedAccount(*rows[0]) if rows else None

    async def load_untold(self, *, connected_after: datetime) -> list[ConnectedAccount]:
        """Return those who have not been told yet that they are connected."""
        is_untold = and_(accounts.c.told_at.is_(None), accounts.c.dead_since.is_(None))
        query = select(*_ACCOUNT_COLUMNS).where(
            is_untold, accounts.c.connected_at > connected_after
        )
        rows = await self._database.fetch_all(query)
        return [ConnectedAccount(*row) for row in rows]

    async def note_told(self, user_id: str, connected_at: datetime, now: datetime) -> None:
        """Keep that the user was told; nothing happens where they connected anew meanwhile."""
        is_same = and_(accounts.c.user_id == user_id, accounts.c.connected_at == connected_at)
        statement = update(accounts).where(is_same).values(told_at=now)
        await self._database.execute(statement)

    async def save_zone(self, user_id: str, zone: str) -> None:
        """Keep the time zone the user chose; nothing happens without an account."""
        await self._update(user_id, zone=zone)

    async def delete(self, user_id: str) -> bool:
        """Forget the account and its token; false where there was none."""
        statement = delete(accounts).where(accounts.c.user_id == user_id)
        return await self._database.execute(statement) == 1

    async def _update(self, user_id: str, **values: object) -> None:
        statement = update(accounts).where(accounts.c.user_id == user_id).values(values)
        await self._database.execute(statement)


async def load_accounts(database: Database) -> list[ConnectedAccount]:
    """Return all accounts, by user name, those with a dead token included; needs no key."""
    query = select(*_ACCOUNT_COLUMNS).order_by(accounts.c.username)
    return [ConnectedAccount(*row) for row in await database.fetch_all(query)]


async def count_accounts(database: Database, *, kind: str = "") -> int:
    """Count the connected accounts, all or those of one kind; needs no key."""
    query = select(func.count()).select_from(accounts)
    if kind:
        query = query.where(accounts.c.kind == kind, accounts.c.dead_since.is_(None))
    return int(await database.fetch_value(query))


class BearerRefusals:
    """Remembers versions, so that an update of the workspace is tried anew.

    Everything raises StorageError.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def save(self, version: str, now: datetime) -> None:
        """Remember that this version ignores bearer tokens."""
        values = {"version": version, "seen_at": now}
        await self._database.insert_or_ignore(bearer_refusals, values)

    async def has_any(self) -> bool:
        """Return whether any version was."""
        query = select(bearer_refusals.c.version).limit(1)
        return await self._database.fetch_one(query) is not None

    async def contains(self, version: str) -> bool:
        """Return whether this version was seen to ignore them."""
        query = select(bearer_refusals.c.version).where(bearer_refusals.c.version == version)
        return await self._database.fetch_one(query) is not None
