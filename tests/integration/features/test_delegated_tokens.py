"""Delegated tokens, the audit trail, and versions that ignore bearer tokens."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr

from bot.features.accounts.audit import (
    RECORDS_KEPT,
    AuditAction,
    AuditRecord,
    AuditTrail,
    load_records,
)
from bot.features.accounts.store import Accounts, ConnectedAccount, TokenExpired
from bot.models import AuthToken, Sender, TokenPair
from bot.storage.database import Database, open_database
from bot.storage.vault import KeyRing, Vault
from tests.support.stored import add_accounts

NOW = datetime(2026, 11, 23, 20, tzinfo=UTC)
SOON = NOW + timedelta(seconds=30)
VAULT = Vault(KeyRing([bytes(range(32))]), "workspace")
PAIR = TokenPair(SecretStr("access"), SecretStr("refresh"), NOW + timedelta(hours=1))
NEXT = TokenPair(SecretStr("access 2"), SecretStr("refresh 2"), NOW + timedelta(hours=2))
ANN = ConnectedAccount("ann-id", "ann", "oauth", NOW)


@pytest.fixture
async def database(storage_url: str) -> AsyncIterator[Database]:
    async with open_database(storage_url) as opened:
        yield opened


@pytest.fixture
async def accounts(database: Database) -> Accounts:
    accounts = Accounts(database, VAULT)
    await accounts.save_pair(ANN, PAIR, NOW)
    return accounts


async def load_id(accounts: Accounts) -> str:
    found = await accounts.load_token("ann-id")
    assert found is not None
    return found.id


async def test_a_pair_is_loaded_as_it_was_saved(accounts: Accounts) -> None:
    found = await accounts.load_token("ann-id")
    assert found is not None
    assert found.token == AuthToken("ann-id", PAIR.access_token, is_bearer=True)
    assert found.refresh_token == PAIR.refresh_token
    assert (found.expires_at, found.refreshed_at) == (PAIR.expires_at, NOW)


async def test_when_everything_was_signed_out_stays_and_what_is_cleaned_is_not_found_again(
    accounts: Accounts,
) -> None:
    assert await accounts.load_uncleaned() == []
    for at in (NOW, SOON):
        await accounts.save_signed_out("ann-id", at)
        assert await accounts.load_uncleaned() == ["ann-id"]
        await accounts.save_cleaned("ann-id", at)
        assert await accounts.load_uncleaned() == []
    await accounts.save(ANN, AuthToken("ann-id", SecretStr("pasted")))
    found = await accounts.load_token("ann-id")
    assert found is not None
    assert found.signed_out_at == SOON


async def test_connecting_with_another_kind_of_token_erases_the_pair(accounts: Accounts) -> None:
    before = await load_id(accounts)
    await accounts.save(ANN, AuthToken("ann-id", SecretStr("pasted")))
    found = await accounts.load_token("ann-id")
    assert found is not None
    assert found.id != before
    assert (found.refresh_token, found.expires_at, found.refreshed_at) == (None, None, None)
    assert not found.token.is_bearer


async def test_one_at_a_time_can_claim_the_refresh(accounts: Accounts) -> None:
    token = await load_id(accounts)
    assert await accounts.claim_refresh("ann-id", token, now=NOW, until=SOON)
    assert not await accounts.claim_refresh("ann-id", token, now=NOW, until=SOON)
    await accounts.release_refresh("ann-id", token)
    assert await accounts.claim_refresh("ann-id", token, now=NOW, until=SOON)
    assert await accounts.claim_refresh("ann-id", token, now=SOON, until=SOON)
    assert not await accounts.claim_refresh("ann-id", "another", now=SOON, until=SOON)


async def test_replacing_saves_both_tokens_and_ends_the_claim(accounts: Accounts) -> None:
    old = await load_id(accounts)
    await accounts.claim_refresh("ann-id", old, now=NOW, until=SOON)
    assert await accounts.replace_token("ann-id", old, NEXT, SOON)
    found = await accounts.load_token("ann-id")
    assert found is not None
    assert found.token.secret == NEXT.access_token
    assert found.refresh_token == NEXT.refresh_token
    assert found.refreshed_at == SOON
    assert await accounts.claim_refresh("ann-id", found.id, now=NOW, until=SOON)
    assert not await accounts.replace_token("ann-id", old, PAIR, SOON)


async def test_a_revoked_token_is_erased_and_its_owner_is_notified_later(
    accounts: Accounts,
) -> None:
    token = await load_id(accounts)
    assert await accounts.mark_revoked("ann-id", token, NOW)
    assert not await accounts.mark_revoked("ann-id", token, NOW)
    assert await accounts.load_token("ann-id") is None
    assert await accounts.load("ann-id") is None
    expired = TokenExpired(Sender("ann-id", "ann"), token)
    assert await accounts.claim_revoked(now=NOW, until=SOON) == [expired]
    assert await accounts.claim_revoked(now=NOW, until=SOON) == []
    assert await accounts.claim_revoked(now=SOON, until=SOON) == [expired]
    assert await accounts.delete_token("ann-id", token)
    assert await accounts.claim_revoked(now=SOON, until=SOON) == []


async def test_a_user_who_connects_again_first_is_not_notified(accounts: Accounts) -> None:
    token = await load_id(accounts)
    await accounts.mark_revoked("ann-id", token, NOW)
    await accounts.save_pair(ANN, NEXT, NOW)
    assert await accounts.claim_revoked(now=SOON, until=SOON) == []
    assert not await accounts.delete_token("ann-id", token)
    assert await accounts.load_token("ann-id") is not None


async def test_pairs_that_were_not_refreshed_for_long_are_found_oldest_first(
    accounts: Accounts,
) -> None:
    for number, name in enumerate(("bob", "carol", "dave")):
        account = ConnectedAccount(name, name, "oauth", NOW)
        await accounts.save_pair(account, PAIR, NOW - timedelta(days=number))
    pasted = ConnectedAccount("eve", "eve", "personal_access_token", NOW)
    await accounts.save(pasted, AuthToken("eve", SecretStr("pasted")))
    assert await accounts.load_refreshed_before(NOW) == ["dave", "carol"]


async def test_records_are_kept_for_90_days(database: Database) -> None:
    moment = NOW
    audit = AuditTrail(database, lambda: moment)
    await add_accounts(database, "bob")
    await audit.note("ann-id", AuditAction.CONNECTED, "oauth")
    moment = NOW + RECORDS_KEPT
    await audit.note("bob", AuditAction.USED, "a session")
    await audit.sweep()
    assert len(await load_records(database)) == 2
    moment += timedelta(seconds=1)
    await audit.sweep()
    kept = AuditRecord(NOW + RECORDS_KEPT, "bob", "used", "a session")
    assert await load_records(database) == [kept]
    assert await load_records(database, "ann-id") == []


async def test_checks_are_recorded_once_a_day_also_after_the_clock_was_ahead(
    database: Database,
) -> None:
    moment = NOW + timedelta(days=730)
    audit = AuditTrail(database, lambda: moment)
    for _ in range(2):
        await audit.note("ann-id", AuditAction.CHECKED)
    moment = NOW
    for _ in range(2):
        await audit.note("ann-id", AuditAction.CHECKED)
    times = [each.at for each in await load_records(database)]
    assert times == [NOW + timedelta(days=730), NOW]


async def test_an_action_that_cannot_be_recorded_raises_nothing(storage_url: str) -> None:
    async with open_database(storage_url) as database:
        pass
    await AuditTrail(database, lambda: NOW).note("ann-id", AuditAction.USED)
