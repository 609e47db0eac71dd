"""Connected accounts: who lent the bot a token, and what their profile says."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final, Literal

from sqlalchemy import Connection, delete, func, select, update

from bot.models import AuthToken
from bot.storage.database import Database
from bot.storage.tables import accounts, make_insert
from bot.storage.vault import Vault

_PURPOSE: Final = "access token"


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


_ACCOUNT_COLUMNS: Final = tuple(accounts.c[name] for name in ConnectedAccount.__slots__)


class Accounts:
    """The accounts in the database, their tokens sealed. Everything raises StorageError."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault

    async def save(self, account: ConnectedAccount, token: AuthToken) -> None:
        """Keep the account; one that is there gets the new token but keeps its zone."""
        if token.user_id != account.user_id:
            raise ValueError("The token is another user's.")
        sealed = self._vault.seal(token.secret, user_id=account.user_id, purpose=_PURPOSE)
        values = asdict(account) | {"is_bearer": token.is_bearer, "sealed_token": sealed}
        kept = {"user_id", "zone"}

        def write(connection: Connection) -> None:
            insert = make_insert(connection, accounts).values(values)
            renewed = {name: insert.excluded[name] for name in values if name not in kept}
            connection.execute(
                insert.on_conflict_do_update(index_elements=["user_id"], set_=renewed)
            )

        await self._database.run(write)

    async def load(self, user_id: str) -> ConnectedAccount | None:
        """Give the account without its token."""
        query = select(*_ACCOUNT_COLUMNS).where(accounts.c.user_id == user_id)
        row = await self._database.run(lambda connection: connection.execute(query).one_or_none())
        return ConnectedAccount(*row) if row else None

    async def load_token(self, user_id: str) -> AuthToken | None:
        """Give the token; raise SealBrokenError where the key is gone or the row was altered."""
        query = select(accounts.c.sealed_token, accounts.c.is_bearer).where(
            accounts.c.user_id == user_id
        )
        row = await self._database.run(lambda connection: connection.execute(query).one_or_none())
        if row is None:
            return None
        secret = self._vault.open(row.sealed_token, user_id=user_id, purpose=_PURPOSE)
        return AuthToken(user_id, secret, is_bearer=row.is_bearer)

    async def save_profile(self, user_id: str, *, language: str, utc_offset: float | None) -> None:
        """Renew what Rocket.Chat says of the user; nothing happens without an account."""
        await self._update(user_id, language=language, utc_offset=utc_offset)

    async def save_zone(self, user_id: str, zone: str) -> None:
        """Keep the time zone the user chose; nothing happens without an account."""
        await self._update(user_id, zone=zone)

    async def delete(self, user_id: str) -> bool:
        """Forget the account and its token; false where there was none."""
        statement = delete(accounts).where(accounts.c.user_id == user_id)
        return await self._database.run(
            lambda connection: connection.execute(statement).rowcount == 1
        )

    async def _update(self, user_id: str, **values: object) -> None:
        statement = update(accounts).where(accounts.c.user_id == user_id).values(values)
        await self._database.run(lambda connection: connection.execute(statement))


async def count_accounts(database: Database) -> int:
    """Count the connected accounts; needs no key."""
    query = select(func.count()).select_from(accounts)
    return await database.run(lambda connection: connection.execute(query).scalar_one())
