"""Connected accounts: who lent the bot a token, and what their profile says."""

from asyncio import Future
from dataclasses import asdict
from datetime import datetime
from functools import partial
from typing import Any, Final, Literal

from sqlalchemy import Connection, and_, bindparam, delete, func, select, update

from bot.models import AuthToken, TokenPair
from bot.storage.database import Database
from bot.storage.foresight import Foresight, Part, Rows
from bot.storage.lent_tokens import ACCESS, make_token_id, seal_pair
from bot.storage.statement import Statement
from bot.storage.tables import accounts, make_insert
from bot.storage.vault import Vault
from bot.values import list_names, value


@value
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
ACCOUNT_COLUMNS: Final = tuple(accounts.c[name] for name in list_names(ConnectedAccount))
_LOAD: Final = Statement(
    select(*ACCOUNT_COLUMNS).where(
        accounts.c.user_id == bindparam("user"), accounts.c.dead_since.is_(None)
    )
)


class Accounts:
    """The accounts in the database, their tokens sealed. Everything raises StorageError."""

    def __init__(self, database: Database, vault: Vault, foresight: Foresight) -> None:
        self._database = database
        self._vault = vault
        self._foresight: Final = foresight

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
        kept = {"user_id", "zone"}

        def write(connection: Connection) -> None:
            insert = make_insert(connection, accounts).values(values)
            renewed = {name: insert.excluded[name] for name in values if name not in kept}
            connection.execute(
                insert.on_conflict_do_update(index_elements=["user_id"], set_=renewed)
            )

        await self._database.run(write)

    async def load(self, user_id: str) -> ConnectedAccount | None:
        """Give the account without its token; None also where that token is dead."""
        rows = await self._foresight.read(user_id, Part.ACCOUNT, self._begin_to_load)
        return ConnectedAccount(*rows[0]) if rows else None

    async def load_all(self) -> list[ConnectedAccount]:
        """Give all accounts, by user name, those with a dead token included."""
        query = select(*ACCOUNT_COLUMNS).order_by(accounts.c.username)
        rows = await self._database.run(lambda connection: connection.execute(query).all())
        return [ConnectedAccount(*row) for row in rows]

    async def load_untold(self, *, connected_after: datetime) -> list[ConnectedAccount]:
        """Give those who have not been told yet that they are connected."""
        is_untold = and_(accounts.c.told_at.is_(None), accounts.c.dead_since.is_(None))
        query = select(*ACCOUNT_COLUMNS).where(is_untold, accounts.c.connected_at > connected_after)
        rows = await self._database.run(lambda connection: connection.execute(query).all())
        return [ConnectedAccount(*row) for row in rows]

    async def note_told(self, user_id: str, connected_at: datetime, now: datetime) -> None:
        """Keep that the user was told; nothing happens where they connected anew meanwhile."""
        is_same = and_(accounts.c.user_id == user_id, accounts.c.connected_at == connected_at)
        statement = update(accounts).where(is_same).values(told_at=now)
        await self._database.run(lambda connection: connection.execute(statement))

    async def save_zone(self, user_id: str, zone: str) -> None:
        """Keep the time zone the user chose; nothing happens without an account."""
        await self._update(user_id, zone=zone)

    async def delete(self, user_id: str) -> bool:
        """Forget the account and its token; false where there was none."""
        statement = delete(accounts).where(accounts.c.user_id == user_id)
        return await self._database.run(
            lambda connection: connection.execute(statement).rowcount == 1
        )

    def _begin_to_load(self, user_id: str) -> Future[Rows]:
        return self._database.begin_to_read(partial(_LOAD.run, values={"user": user_id}))

    async def _update(self, user_id: str, **values: object) -> None:
        statement = update(accounts).where(accounts.c.user_id == user_id).values(values)
        await self._database.run(lambda connection: connection.execute(statement))


async def count_accounts(database: Database, *, kind: str = "") -> int:
    """Count the connected accounts, all or those of one kind; needs no key."""
    query = select(func.count()).select_from(accounts)
    if kind:
        query = query.where(accounts.c.kind == kind, accounts.c.dead_since.is_(None))
    return await database.run(lambda connection: connection.execute(query).scalar_one())
