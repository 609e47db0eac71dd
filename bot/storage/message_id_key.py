"""The key from which the ids of the bot's messages are derived: one for all its processes."""

import secrets
from typing import Final

import structlog
from pydantic import SecretStr
from sqlalchemy import Connection, select

from bot.errors import SealBrokenError
from bot.storage.database import Database
from bot.storage.tables import make_insert, sealed_secrets
from bot.storage.vault import Vault

_NAME: Final = "message ids"
_QUERY: Final = select(sealed_secrets.c.sealed).where(sealed_secrets.c.name == _NAME)


async def load_message_id_key(
    database: Database, vault: Vault, if_missing: SecretStr | None = None
) -> bytes:
    """Return the key that is stored, sealed; without one, store ``if_missing`` or a random one.

    One that does not open is replaced: what is lost then is only that a message which was sent
    right before a crash is recognised after it. Raises StorageError.
    """
    new = if_missing or SecretStr(secrets.token_urlsafe(32))

    def write(connection: Connection) -> SecretStr:
        sealed = connection.scalar(_QUERY)
        if sealed is not None:
            try:
                return vault.open(sealed, user_id="", purpose=_NAME)
            except SealBrokenError as error:
                log = structlog.get_logger("storage")
                log.warning("the key of message ids is replaced", problem=str(error))
        _save(connection, vault, new)
        return new

    return (await database.write(write)).get_secret_value().encode()


async def reseal_message_id_key(database: Database, vault: Vault) -> None:
    """Seal it with the first key, if it is there and opens. Raises StorageError."""

    def write(connection: Connection) -> None:
        sealed = connection.scalar(_QUERY)
        if sealed is not None:
            _save(connection, vault, vault.open(sealed, user_id="", purpose=_NAME))

    try:
        await database.write(write)
    except SealBrokenError as error:
        structlog.get_logger("storage").warning("the key of message ids", problem=str(error))


def _save(connection: Connection, vault: Vault, key: SecretStr) -> None:
    values = {"name": _NAME, "sealed": vault.seal(key, user_id="", purpose=_NAME)}
    insert = make_insert(connection, sealed_secrets).values(values)
    connection.execute(
        insert.on_conflict_do_update(index_elements=["name"], set_={"sealed": values["sealed"]})
    )
