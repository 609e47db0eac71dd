import asyncio

from pydantic import SecretStr
from sqlalchemy import select

from bot.delivery.reply_sender import make_message_id
from bot.storage.database import open_database
from bot.storage.message_id_key import load_message_id_key, reseal_message_id_key
from bot.storage.tables import sealed_secrets
from bot.storage.vault import KeyRing, Vault

OLD, NEW = bytes(range(32)), bytes(range(100, 132))
FIRST, SECOND = SecretStr("first"), SecretStr("second")


def make_vault(*keys: bytes) -> Vault:
    return Vault(KeyRing(keys), "workspace")


async def test_all_processes_of_an_installation_have_one_key(storage_url: str) -> None:
    vault = make_vault(OLD)
    async with open_database(storage_url) as one, open_database(storage_url) as two:
        keys = await asyncio.gather(
            *(load_message_id_key(each, vault, key) for each, key in ((one, FIRST), (two, SECOND)))
        )
        assert keys[0] == keys[1]
        assert await load_message_id_key(one, vault, SecretStr("third")) == keys[0]
        stored = await one.fetch_value(select(sealed_secrets.c.sealed))
    assert keys[0] not in bytes(stored)


async def test_the_key_outlives_a_change_of_the_key_that_seals(storage_url: str) -> None:
    async with open_database(storage_url) as database:
        assert await load_message_id_key(database, make_vault(OLD), FIRST) == b"first"
        await reseal_message_id_key(database, make_vault(NEW, OLD))
        assert await load_message_id_key(database, make_vault(NEW), SECOND) == b"first"


async def test_a_key_that_does_not_open_is_replaced(storage_url: str) -> None:
    async with open_database(storage_url) as database:
        await load_message_id_key(database, make_vault(OLD), FIRST)
        await reseal_message_id_key(database, make_vault(NEW))
        assert await load_message_id_key(database, make_vault(NEW), SECOND) == b"second"


def test_an_id_can_be_made_with_the_key_only() -> None:
    ids = {
        make_message_id(key, *seeds)
        for key in (b"first", b"second")
        for seeds in (("a", "b"), ("a b",), ("a\nb",), ("ab", ""))
    }
    assert len(ids) == 8
