"""Link requests: one-time links over which people delegate a token to the bot."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pydantic import SecretStr
from sqlalchemy import ColumnElement, and_, delete, select, update

from bot.storage.database import Database
from bot.storage.tables import Condition, columns_of, link_requests, values_of


@dataclass(frozen=True, slots=True)
class LinkRequest:
    """A link that was sent to a user.

    ``browser_hash`` is set when a browser leaves for the workspace's consent page.
    """

    user_id: str
    username: str
    expires_at: datetime
    attempts_left: int = 5
    browser_hash: bytes | None = None

    def is_bound_to(self, browser: SecretStr) -> bool:
        """Return whether it is this browser that left for the workspace."""
        return hmac.compare_digest(self.browser_hash or b"", _hash(browser))


_row: Final = link_requests.c
_COLUMNS: Final = columns_of(link_requests, LinkRequest)


def make_secret() -> SecretStr:
    """Return the secret part of a link: 32 random bytes as 43 characters of base64url."""
    return SecretStr(secrets.token_urlsafe(32))


class LinkRequests:
    """The requests; their secrets are stored as SHA-256 only.

    Every method raises StorageError.
    """

    def __init__(self, database: Database) -> None:
        self._database: Final = database

    async def save(
        self, request: LinkRequest, secret: SecretStr, *, only_if: Condition | None = None
    ) -> None:
        """Save the request; an older one of the same user is gone, and its link does not work.

        Do nothing where ``only_if`` finds no row.
        """
        values = values_of(request) | {"secret_hash": _hash(secret)}
        await self._database.upsert(link_requests, values, only_if=only_if)

    async def find(self, secret: SecretStr, now: datetime) -> LinkRequest | None:
        """Return the request if it is neither consumed nor expired and has attempts left."""
        query = select(*_COLUMNS).where(_is_open(secret, now))
        row = await self._database.fetch_one(query)
        return LinkRequest(*row) if row else None

    async def bind(self, secret: SecretStr, browser: SecretStr, now: datetime) -> bool:
        """Note which browser leaves for the workspace, the last one only.

        Returns false where ``find`` would return None.
        """
        statement = (
            update(link_requests).where(_is_open(secret, now)).values(browser_hash=_hash(browser))
        )
        return await self._database.execute(statement) == 1

    async def consume(
        self, secret: SecretStr, retry: SecretStr, now: datetime
    ) -> LinkRequest | None:
        """Use up the secret, and return the request with one attempt less: one caller gets it.

        The request stays with ``retry`` as its secret, until it is deleted: so connecting can tell
        whether the person has had everything erased meanwhile. Attempts left do not matter here.
        """
        statement = (
            update(link_requests)
            .where(_row.secret_hash == _hash(secret), _row.expires_at > now)
            .values(secret_hash=_hash(retry), attempts_left=_row.attempts_left - 1)
            .returning(*_COLUMNS)
        )
        row = await self._database.write(
            lambda connection: connection.execute(statement).one_or_none()
        )
        return LinkRequest(*row) if row else None

    async def delete(self, secret: SecretStr) -> None:
        """Delete the request with this secret."""
        await self._database.execute(delete(link_requests).where(_row.secret_hash == _hash(secret)))

    async def sweep(self, now: datetime) -> int:
        """Delete the expired requests; return how many."""
        return await self._database.execute(delete(link_requests).where(_row.expires_at <= now))


def _is_open(secret: SecretStr, now: datetime) -> ColumnElement[bool]:
    is_same = _row.secret_hash == _hash(secret)
    return and_(is_same, _row.expires_at > now, _row.attempts_left > 0)


def _hash(secret: SecretStr) -> bytes:
    return hashlib.sha256(secret.get_secret_value().encode()).digest()
