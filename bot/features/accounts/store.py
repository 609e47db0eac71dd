"""The accounts of people who have delegated a token to the bot."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import and_, bindparam, delete, func, or_, select, update

from bot.features.accounts.delegated_tokens import seal_pair, seal_token
from bot.models import AuthToken, TokenPair, User
from bot.storage.database import Database
from bot.storage.statement import BareStatement
from bot.storage.tables import Condition, accounts, columns_of, values_of
from bot.storage.vault import Vault


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


_row: Final = accounts.c
_COLUMNS: Final = columns_of(accounts, ConnectedAccount)
_LOAD: Final = BareStatement(
    select(*_COLUMNS).where(_row.user_id == bindparam("user_id"), _row.revoked_at.is_(None))
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
        return await self._save(account, seal_token(self._vault, token), only_if)

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

    async def load_without_zone(self) -> list[str]:
        """Return the ids of users whose time zone is Rocket.Chat's offset."""
        query = select(_row.user_id).where(_row.zone == "", _row.revoked_at.is_(None))
        return [row.user_id for row in await self._database.fetch_all(query)]

    async def save_zone(self, user_id: str, zone: str) -> None:
        """Save the time zone the user chose; do nothing without an account."""
        await self._database.execute(
            update(accounts).where(_row.user_id == user_id).values(zone=zone)
        )

    async def delete(self, user_id: str) -> bool:
        """Delete the account and its token; return false where there was none."""
        return await self._database.execute(delete(accounts).where(_row.user_id == user_id)) == 1


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
