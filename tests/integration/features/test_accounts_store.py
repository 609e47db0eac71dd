from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from bot.errors import SealBrokenError, StorageError
from bot.features.accounts.store import Accounts, ConnectedAccount, count_accounts
from bot.models import AuthToken
from bot.storage.database import Database, open_database
from bot.storage.vault import KeyRing, Vault
from tests.support.stored import add_accounts

NOW = datetime(2026, 11, 23, 20, 0, 0, 123457, tzinfo=UTC)
KEYS = KeyRing([bytes(range(32))])
ANN = ConnectedAccount("ann-id", "ann", "personal_access_token", NOW, "de", 5.75)
TOKEN = AuthToken("ann-id", SecretStr("Plainly-Visible-Token"))


@pytest.fixture
async def database(storage_url: str) -> AsyncIterator[Database]:
    async with open_database(storage_url) as opened:
        yield opened


@pytest.fixture
def accounts(database: Database) -> Accounts:
    return make_accounts(database)


def make_accounts(database: Database) -> Accounts:
    return Accounts(database, make_vault())


def make_vault() -> Vault:
    return Vault(KEYS, "https://chat.example.org")


async def load_token(database: Database, user_id: str) -> AuthToken | None:
    stored = await Accounts(database, make_vault()).load_token(user_id)
    return stored.token if stored else None


async def test_an_account_is_loaded_as_it_was_saved(accounts: Accounts, database: Database) -> None:
    await accounts.save(ANN, TOKEN)
    assert await accounts.load("ann-id") == ANN
    assert await load_token(database, "ann-id") == TOKEN
    assert await count_accounts(database) == 1


async def test_a_bearer_token_stays_one(accounts: Accounts, database: Database) -> None:
    token = replace(TOKEN, is_bearer=True)
    await accounts.save(replace(ANN, kind="oauth"), token)
    assert await load_token(database, "ann-id") == token


async def test_nobody_is_connected_at_first(accounts: Accounts, database: Database) -> None:
    assert await accounts.load("ann-id") is None
    assert await load_token(database, "ann-id") is None
    assert not await accounts.delete("ann-id")
    assert await count_accounts(database) == 0


async def test_connecting_again_replaces_all_but_the_zone(
    accounts: Accounts, database: Database
) -> None:
    await accounts.save(ANN, TOKEN)
    await accounts.save_zone("ann-id", "Europe/Lisbon")
    again = ConnectedAccount("ann-id", "anna", "oauth", NOW + timedelta(days=1), "en", None)
    new_token = AuthToken("ann-id", SecretStr("another"), is_bearer=True)
    await accounts.save(again, new_token)
    assert await accounts.load("ann-id") == replace(again, zone="Europe/Lisbon")
    assert await load_token(database, "ann-id") == new_token
    assert await count_accounts(database) == 1


async def test_the_zone_is_saved_alone(accounts: Accounts, database: Database) -> None:
    await accounts.save(ANN, TOKEN)
    await accounts.save_zone("ann-id", "America/Recife")
    assert await accounts.load("ann-id") == replace(ANN, zone="America/Recife")
    await accounts.save_zone("nobody", "Europe/Lisbon")
    assert await count_accounts(database) == 1


async def test_users_without_a_zone_come_in_pages(accounts: Accounts, database: Database) -> None:
    await add_accounts(database, "a", "b", "C", "d", "e-2")
    await accounts.save_zone("b", "Europe/Lisbon")
    found: list[str] = []
    last = ""
    while page := await accounts.load_without_zone(last, 2):
        assert len(page) <= 2
        found += page
        last = page[-1]
    assert sorted(found) == ["C", "a", "d", "e-2"]


async def test_deleting_an_account_deletes_its_token(
    accounts: Accounts, database: Database
) -> None:
    await accounts.save(ANN, TOKEN)
    await accounts.save(replace(ANN, user_id="bob"), AuthToken("bob", SecretStr("t")))
    assert await accounts.delete("ann-id")
    assert await load_token(database, "ann-id") is None
    assert await load_token(database, "bob") is not None


async def test_an_account_is_unnotified_until_it_is_marked(accounts: Accounts) -> None:
    await accounts.save(ANN, TOKEN)
    day = timedelta(days=1)
    assert await accounts.load_unnotified(connected_after=NOW - day) == [ANN]
    assert await accounts.load_unnotified(connected_after=NOW) == []
    await accounts.mark_notified("ann-id", NOW - day, NOW)
    assert await accounts.load_unnotified(connected_after=NOW - day) == [ANN]
    await accounts.mark_notified("ann-id", NOW, NOW)
    assert await accounts.load_unnotified(connected_after=NOW - day) == []
    again = replace(ANN, connected_at=NOW + day)
    await accounts.save(again, TOKEN)
    assert await accounts.load_unnotified(connected_after=NOW) == [again]


async def test_a_token_of_another_user_is_refused(accounts: Accounts, database: Database) -> None:
    with pytest.raises(ValueError, match="another user"):
        await accounts.save(ANN, AuthToken("bob", SecretStr("t")))
    assert await count_accounts(database) == 0


async def test_times_come_back_in_utc_to_the_microsecond(accounts: Accounts) -> None:
    there = NOW.astimezone(timezone(timedelta(hours=-9, minutes=-30)))
    await accounts.save(replace(ANN, connected_at=there), TOKEN)
    account = await accounts.load("ann-id")
    assert account is not None
    assert account.connected_at == NOW
    assert account.connected_at.tzinfo is UTC


async def test_a_time_without_a_zone_is_refused(accounts: Accounts) -> None:
    with pytest.raises(StorageError, match="in a way that cannot work"):
        await accounts.save(replace(ANN, connected_at=NOW.replace(tzinfo=None)), TOKEN)


async def test_no_file_ever_holds_the_token(tmp_path: Path) -> None:
    async with open_database(f"sqlite:///{tmp_path}/bot.db") as database:
        await make_accounts(database).save(ANN, TOKEN)
        stored = read_all_files(tmp_path)
    assert b"Plainly-Visible" not in stored
    assert b"ann-id" in stored


def read_all_files(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())


async def test_a_token_copied_to_another_row_does_not_open(
    database: Database, accounts: Accounts
) -> None:
    await accounts.save(ANN, TOKEN)
    await accounts.save(replace(ANN, user_id="bob"), AuthToken("bob", SecretStr("t")))
    steal = text(
        "UPDATE accounts SET sealed_token ="
        " (SELECT sealed_token FROM accounts WHERE user_id = 'ann-id') WHERE user_id = 'bob'"
    )
    await database.write(lambda connection: connection.execute(steal))
    with pytest.raises(SealBrokenError):
        await load_token(database, "bob")
