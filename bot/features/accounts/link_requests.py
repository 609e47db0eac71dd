"""Connection requests: the one-time links that people follow to lend the bot a token."""

import hashlib
import hmac
import secrets
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final

from pydantic import SecretStr
from sqlalchemy import delete, select, update

from bot.models import list_names
from bot.storage.database import Database
from bot.storage.tables import connection_requests


@dataclass(frozen=True, slots=True)
class ConnectionRequest:
    """Somebody was given a link.

    ``browser_hash`` is set once a browser sets out for the workspace's consent page.
    """

    user_id: str
    username: str
    expires_at: datetime
    attempts_left: int = 5
    browser_hash: bytes | None = None

    def is_bound_to(self, browser: SecretStr) -> bool:
        """Return whether this browser set out for the workspace; false where none did."""
        return hmac.compare_digest(self.browser_hash or b"", _hash(browser))


_REQUEST_COLUMNS: Final = tuple(connection_requests.c[n] for n in list_names(ConnectionRequest))
_row: Final = connection_requests.c


def make_secret() -> SecretStr:
    """Make the secret part of a link: 32 random bytes as 43 characters of base64url."""
    return SecretStr(secrets.token_urlsafe(32))


class ConnectionRequests:
    """The requests in the database, which knows their secrets as SHA-256 only.

    Everything raises StorageError.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def save(self, request: ConnectionRequest, secret: SecretStr) -> None:
        """Keep the request; an older one of the same user is gone, and its link is dead."""
        values = asdict(request) | {"secret_hash": _hash(secret)}
        await self._database.upsert(connection_requests, values)

    async def find(self, secret: SecretStr, now: datetime) -> ConnectionRequest | None:
        """Return the request if its link still works: not consumed, not expired, attempts left."""
        query = select(*_REQUEST_COLUMNS).where(
            _row.secret_hash == _hash(secret), _row.expires_at > now, _row.attempts_left > 0
        )
        row = await self._database.fetch_one(query)
        return ConnectionRequest(*row) if row else None

    async def bind(self, secret: SecretStr, browser: SecretStr, now: datetime) -> bool:
        """Note which browser sets out; the last one counts. False where the link is dead."""
        statement = (
            update(connection_requests)
            .where(_row.secret_hash == _hash(secret), _row.expires_at > now, _row.attempts_left > 0)
            .values(browser_hash=_hash(browser))
        )
        return await self._database.execute(statement) == 1

    async def has_open(self, user_id: str) -> bool:
        """Return whether a link of the user's waits to be used; it may have expired."""
        query = select(_row.user_id).where(_row.user_id == user_id)
        row = await self._database.fetch_one(query)
        return row is not None

    async def delete(self, user_id: str) -> None:
        """Forget the request of the user; its link is dead."""
        statement = delete(connection_requests).where(_row.user_id == user_id)
        await self._database.execute(statement)

    async def consume(self, secret: SecretStr, now: datetime) -> ConnectionRequest | None:
        """Use the request up: of all who try, one gets it. Attempts left are not asked for."""
        statement = (
            delete(connection_requests)
            .where(_row.secret_hash == _hash(secret), _row.expires_at > now)
            .returning(*_REQUEST_COLUMNS)
        )
        row = await self._database.write(
            lambda connection: connection.execute(statement).one_or_none()
        )
        return ConnectionRequest(*row) if row else None

    async def sweep(self, now: datetime) -> int:
        """Delete the expired requests and say how many."""
        statement = delete(connection_requests).where(_row.expires_at <= now)
        return await self._database.execute(statement)


def _hash(secret: SecretStr) -> bytes:
    return hashlib.sha256(secret.get_secret_value().encode()).digest()
