"""Changing the key that seals: all tokens at once, while others use them."""

from collections import Counter
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from pydantic import SecretStr
from sqlalchemy import Connection, LargeBinary, Row, func, or_, select, update

from bot.errors import ConfigError, SealBrokenError
from bot.features.accounts.store import ACCESS, REFRESH
from bot.storage.database import Database
from bot.storage.tables import accounts
from bot.storage.vault import KeyRing, Vault

_BATCH: Final = 100
_row: Final = accounts.c
_SEALED: Final = ((_row.sealed_token, ACCESS), (_row.sealed_refresh_token, REFRESH))


@dataclass(frozen=True, slots=True)
class Resealed:
    """What one batch did: accounts sealed again, and those whose token does not open."""

    done: int
    broken: tuple[str, ...]


async def count_seals(database: Database) -> Mapping[bytes, int]:
    """Count the sealed tokens by the id of their key; needs no key."""
    return await database.write(_count_seals)


async def check_keys(database: Database, keys: KeyRing) -> None:
    """Raise ConfigError where tokens are sealed with a key that is not there."""
    missing = {key: count for key, count in (await count_seals(database)).items() if key}
    for key in keys.ids:
        missing.pop(key, None)
    if missing:
        names = ", ".join(f"{key.hex()} ({count} tokens)" for key, count in missing.items())
        raise ConfigError(
            f"[vault]: tokens are sealed with a key that is missing: {names}. Nothing was deleted:"
            " restore the key. If it is lost, their owners must connect again; see"
            " `session-bot accounts list` and `session-bot accounts forget USER`"
        )


async def reseal_all(
    database: Database, vault: Vault, sealing_id: bytes
) -> AsyncGenerator[Resealed, None]:
    """Seal with the first key what another one sealed; batch by batch, each kept at once.

    Stopping midway loses nothing: the next time goes on with what is left. A token that is
    refreshed meanwhile is left to the process that refreshes it.
    """
    last: str | None = ""
    while last is not None:
        resealed, last = await database.write(partial(_reseal, vault, sealing_id, last))
        yield resealed


def _count_seals(connection: Connection) -> Mapping[bytes, int]:
    counts: Counter[bytes] = Counter()
    for column, _ in _SEALED:
        # One byte of version, then four of key id; databases count from 1.
        key_id = func.substr(column, 2, 4, type_=LargeBinary)
        query = select(key_id, func.count()).where(column.is_not(None)).group_by(key_id)
        counts.update({bytes(key): count for key, count in connection.execute(query)})
    return counts


def _reseal(
    vault: Vault, sealing_id: bytes, after: str, connection: Connection
) -> tuple[Resealed, str | None]:
    """Seal one batch of users above ``after``; return also its last user, None at the end."""
    columns = [column for column, _ in _SEALED]
    is_old = [func.substr(column, 2, 4, type_=LargeBinary) != sealing_id for column in columns]
    query = (
        select(_row.user_id, *columns)
        .where(_row.user_id > after, _row.revoked_at.is_(None), or_(*is_old))
        .order_by(_row.user_id)
        .limit(_BATCH)
    )
    rows = connection.execute(query).all()
    broken = [row.user_id for row in rows if not _reseal_row(connection, vault, row)]
    resealed = Resealed(len(rows) - len(broken), tuple(broken))
    return resealed, rows[-1].user_id if len(rows) == _BATCH else None


def _reseal_row(connection: Connection, vault: Vault, row: Row[Any]) -> bool:
    stored: Sequence[bytes | None] = row[1:]
    try:
        secrets = [
            vault.open(sealed, user_id=row.user_id, purpose=purpose) if sealed else None
            for sealed, (_, purpose) in zip(stored, _SEALED, strict=True)
        ]
    except SealBrokenError:
        return False
    values = dict(_seal_again(vault, row.user_id, secrets))
    # Only what was read is replaced: on PostgreSQL somebody may have renewed it in between.
    is_same = [
        column.is_not_distinct_from(sealed)
        for sealed, (column, _) in zip(stored, _SEALED, strict=True)
    ]
    connection.execute(update(accounts).where(_row.user_id == row.user_id, *is_same).values(values))
    return True


def _seal_again(
    vault: Vault, user_id: str, secrets: Iterable[SecretStr | None]
) -> Iterable[tuple[str, bytes]]:
    for secret, (column, purpose) in zip(secrets, _SEALED, strict=True):
        if secret:
            yield column.name, vault.seal(secret, user_id=user_id, purpose=purpose)
