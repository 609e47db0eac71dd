"""Changing the key that seals, as an operator does it and as an attacker would like it."""

import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import select, text, update

from bot.errors import ConfigError, SealBrokenError
from bot.features.accounts.key_rotation import check_keys, count_seals, reseal_all
from bot.features.accounts.store import Accounts, ConnectedAccount
from bot.models import AuthToken, TokenPair
from bot.storage.database import Database, open_database
from bot.storage.key_file import add_key, load_key_ring, read_key_file, watch_key_file
from bot.storage.tables import accounts
from bot.storage.vault import KeyRing, Vault, make_key_id

NOW = datetime(2026, 11, 23, 20, tzinfo=UTC)
OLD, NEW = bytes(range(32)), bytes(range(100, 132))
PAIR = TokenPair(SecretStr("access"), SecretStr("refresh"), NOW)


@dataclass
class House:
    """A database and what is sealed in it, by whichever keys."""

    database: Database

    def vault(self, *keys: bytes) -> Vault:
        return Vault(KeyRing(keys), "workspace")

    def open_accounts(self, *keys: bytes) -> Accounts:
        return Accounts(self.database, self.vault(*keys))

    async def connect(self, user_id: str, *keys: bytes, is_oauth: bool = True) -> None:
        stored = self.open_accounts(*keys)
        account = ConnectedAccount(user_id, user_id, "oauth", NOW)
        if is_oauth:
            await stored.save_pair(account, PAIR, NOW)
        else:
            await stored.save(account, AuthToken(user_id, SecretStr("access")))

    async def reseal(self, *keys: bytes) -> list[int]:
        ring = KeyRing(keys)
        vault = Vault(ring, "workspace")
        return [batch.done async for batch in reseal_all(self.database, vault, ring.sealing_id)]

    async def read(self, user_id: str) -> bytes:
        query = select(accounts.c.sealed_token).where(accounts.c.user_id == user_id)
        return bytes(await self.database.write(lambda each: each.execute(query).scalar_one()))

    async def write(self, user_id: str, sealed: bytes) -> None:
        statement = update(accounts).where(accounts.c.user_id == user_id)
        values = statement.values(sealed_token=sealed)
        await self.database.write(lambda connection: connection.execute(values))


@pytest.fixture
async def house(storage_url: str) -> AsyncIterator[House]:
    async with open_database(storage_url) as database:
        yield House(database)


async def test_all_tokens_of_all_kinds_open_with_the_new_key_alone(house: House) -> None:
    await house.connect("alice", OLD)
    await house.connect("bob", OLD, is_oauth=False)
    await house.connect("carol", NEW)
    assert await house.reseal(NEW, OLD) == [2]
    assert await count_seals(house.database) == {make_key_id(NEW): 5}
    for user_id in ("alice", "bob", "carol"):
        open_tokens = await house.open_accounts(NEW).load_token(user_id)
        assert open_tokens is not None
        assert open_tokens.token.secret.get_secret_value() == "access"
        assert (open_tokens.refresh_token is None) == (user_id == "bob")
    assert await house.reseal(NEW, OLD) == [0]


async def test_it_may_be_stopped_and_begun_again(house: House) -> None:
    for number in range(250):
        await house.connect(f"user{number:03}", OLD, is_oauth=False)
    ring = KeyRing([NEW, OLD])
    batches = reseal_all(house.database, Vault(ring, "workspace"), ring.sealing_id)
    assert (await anext(batches)).done == 100
    await batches.aclose()
    assert await house.reseal(NEW, OLD) == [100, 50]
    assert await count_seals(house.database) == {make_key_id(NEW): 250}


async def test_a_token_id_survives_so_that_nobody_who_renews_is_disturbed(house: House) -> None:
    await house.connect("alice", OLD)
    before = await house.open_accounts(OLD).load_token("alice")
    assert before is not None
    await house.reseal(NEW, OLD)
    after = await house.open_accounts(NEW, OLD).load_token("alice")
    assert after == before
    newer = TokenPair(SecretStr("access 2"), SecretStr("refresh 2"), NOW)
    assert await house.open_accounts(NEW, OLD).replace_token("alice", before.id, newer, NOW)


async def test_a_broken_row_is_named_and_left_alone(house: House) -> None:
    await house.connect("alice", OLD)
    await house.connect("bob", OLD)
    broken = (await house.read("alice"))[:-1] + b"!"
    await house.write("alice", broken)
    ring = KeyRing([NEW, OLD])
    vault = Vault(ring, "workspace")
    (batch,) = [each async for each in reseal_all(house.database, vault, ring.sealing_id)]
    assert (batch.done, batch.broken) == (1, ("alice",))
    assert await house.read("alice") == broken


async def test_a_row_from_before_the_change_opens_nothing_once_the_old_key_is_gone(
    house: House,
) -> None:
    await house.connect("alice", OLD)
    kept_by_the_attacker = await house.read("alice")
    await house.reseal(NEW, OLD)
    await house.write("alice", kept_by_the_attacker)
    with pytest.raises(SealBrokenError, match=f"{make_key_id(OLD).hex()}, now missing"):
        await house.open_accounts(NEW).load_token("alice")


async def test_a_row_cannot_be_made_to_look_older(house: House) -> None:
    await house.connect("alice", NEW)
    sealed = await house.read("alice")
    for forged in (
        sealed[:1] + make_key_id(OLD) + sealed[5:],
        b"\x00" + sealed[1:],
        b"\x02" + sealed[1:],
    ):
        await house.write("alice", forged)
        with pytest.raises(SealBrokenError):
            await house.open_accounts(NEW, OLD).load_token("alice")


async def test_who_holds_an_old_key_seals_nothing_that_opens(house: House) -> None:
    await house.connect("alice", OLD)
    await house.reseal(NEW, OLD)
    await house.connect("mallory", OLD)
    with pytest.raises(SealBrokenError):
        await house.open_accounts(NEW).load_token("mallory")


async def test_a_missing_key_is_named_at_start(house: House) -> None:
    await check_keys(house.database, KeyRing([NEW]))
    await house.connect("alice", OLD)
    await check_keys(house.database, KeyRing([NEW, OLD]))
    with pytest.raises(ConfigError, match=rf"{make_key_id(OLD).hex()} \(2 tokens\)"):
        await check_keys(house.database, KeyRing([NEW]))
    count = text("SELECT count(*) FROM accounts")
    assert await house.database.write(lambda each: each.execute(count).scalar_one()) == 1


def make_file(folder: Path) -> Path:
    path = folder / "bot.key"
    load_key_ring((), path, is_creation_allowed=True)
    return path


def test_a_new_key_seals_and_the_old_ones_still_open(tmp_path: Path) -> None:
    path = make_file(tmp_path)
    (first,) = read_key_file(path).ids
    second, third = add_key(path), add_key(path)
    assert read_key_file(path).ids == (third, second, first)
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_no_key_is_added_to_a_file_that_is_not_there_or_not_right(tmp_path: Path) -> None:
    path = tmp_path / "bot.key"
    with pytest.raises(ConfigError, match="is missing"):
        add_key(path)
    path.write_text("nonsense\n")
    path.chmod(0o600)
    with pytest.raises(ConfigError, match="line 1"):
        add_key(path)
    assert path.read_text() == "nonsense\n"


def test_a_vault_notices_a_new_key_and_keeps_the_old_ones_when_the_file_breaks(
    tmp_path: Path,
) -> None:
    path = make_file(tmp_path)
    vault = Vault(read_key_file(path), "workspace", watch_key_file(path))
    old = vault.seal(SecretStr("a"), user_id="alice", purpose="p")
    new_id = add_key(path)
    new = vault.seal(SecretStr("b"), user_id="alice", purpose="p")
    assert new[1:5] == new_id
    path.write_text("nonsense\n")
    os.utime(path, (1, 1))
    for sealed, expected in ((old, "a"), (new, "b")):
        opened = vault.open(sealed, user_id="alice", purpose="p")
        assert opened.get_secret_value() == expected
    path.unlink()
    assert vault.open(new, user_id="alice", purpose="p").get_secret_value() == "b"
