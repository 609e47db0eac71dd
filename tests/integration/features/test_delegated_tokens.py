"""The tables of the delegation: lent tokens, the audit trail, versions without bearer."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr

from bot.features.accounts.audit import KEPT, Audit, AuditAction
from bot.features.accounts.audit_store import AuditRecord, AuditTrail
from bot.features.accounts.store import (
    Accounts,
    BearerRefusals,
    ConnectedAccount,
    DeadToken,
    DelegatedTokens,
)
from bot.models import AuthToken, Sender, TokenPair
from bot.storage.database import Database, open_database
from bot.storage.vault import KeyRing, Vault

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


@pytest.fixture
def lent(database: Database, accounts: Accounts) -> DelegatedTokens:
    assert accounts
    return DelegatedTokens(database, VAULT)


async def load_id(lent: DelegatedTokens) -> str:
    found = await lent.load("ann-id")
    assert found is not None
    return found.id


async def test_a_pair_comes_back_as_it_was_given(lent: DelegatedTokens) -> None:
    found = await lent.load("ann-id")
    assert found is not None
    assert found.token == AuthToken("ann-id", PAIR.access_token, is_bearer=True)
    assert found.refresh_token == PAIR.refresh_token
    assert (found.expires_at, found.renewed_at) == (PAIR.expires_at, NOW)


async def test_connecting_with_another_kind_leaves_nothing_of_the_pair(
    lent: DelegatedTokens, accounts: Accounts
) -> None:
    before = await load_id(lent)
    await accounts.save(ANN, AuthToken("ann-id", SecretStr("pasted")))
    found = await lent.load("ann-id")
    assert found is not None
    assert found.id != before
    assert (found.refresh_token, found.expires_at, found.renewed_at) == (None, None, None)
    assert not found.token.is_bearer


async def test_one_at_a_time_has_the_turn_and_passes_it_on(lent: DelegatedTokens) -> None:
    token = await load_id(lent)
    assert await lent.take_turn("ann-id", token, now=NOW, until=SOON)
    assert not await lent.take_turn("ann-id", token, now=NOW, until=SOON)
    await lent.give_up_turn("ann-id", token)
    assert await lent.take_turn("ann-id", token, now=NOW, until=SOON)
    assert await lent.take_turn("ann-id", token, now=SOON, until=SOON)
    assert not await lent.take_turn("ann-id", "another", now=SOON, until=SOON)


async def test_renewing_replaces_both_tokens_and_frees_the_turn(lent: DelegatedTokens) -> None:
    old = await load_id(lent)
    await lent.take_turn("ann-id", old, now=NOW, until=SOON)
    assert await lent.renew("ann-id", old, NEXT, SOON)
    found = await lent.load("ann-id")
    assert found is not None
    assert found.token.secret == NEXT.access_token
    assert found.refresh_token == NEXT.refresh_token
    assert found.renewed_at == SOON
    assert await lent.take_turn("ann-id", found.id, now=NOW, until=SOON)
    assert not await lent.renew("ann-id", old, PAIR, SOON)


async def test_a_dead_token_is_gone_but_its_owner_is_still_to_be_told(
    lent: DelegatedTokens, accounts: Accounts
) -> None:
    token = await load_id(lent)
    assert await lent.bury("ann-id", token, NOW)
    assert not await lent.bury("ann-id", token, NOW)
    assert await lent.load("ann-id") is None
    assert await accounts.load("ann-id") is None
    dead = DeadToken(token, Sender("ann-id", "ann"))
    assert await lent.take_dead(now=NOW, until=SOON) == [dead]
    assert await lent.take_dead(now=NOW, until=SOON) == []
    assert await lent.take_dead(now=SOON, until=SOON) == [dead]
    assert await lent.forget("ann-id", token)
    assert await lent.take_dead(now=SOON, until=SOON) == []


async def test_who_connects_again_before_being_told_is_alive(
    lent: DelegatedTokens, accounts: Accounts
) -> None:
    token = await load_id(lent)
    await lent.bury("ann-id", token, NOW)
    await accounts.save_pair(ANN, NEXT, NOW)
    assert await lent.take_dead(now=SOON, until=SOON) == []
    assert not await lent.forget("ann-id", token)
    assert await lent.load("ann-id") is not None


async def test_only_old_pairs_are_due_the_oldest_first(
    lent: DelegatedTokens, accounts: Accounts
) -> None:
    for number, name in enumerate(("bob", "carol", "dave")):
        account = ConnectedAccount(name, name, "oauth", NOW)
        await accounts.save_pair(account, PAIR, NOW - timedelta(days=number))
    pasted = ConnectedAccount("eve", "eve", "personal_access_token", NOW)
    await accounts.save(pasted, AuthToken("eve", SecretStr("pasted")))
    assert await lent.load_older(NOW) == ["dave", "carol"]


async def test_records_are_kept_for_90_days(database: Database) -> None:
    trail, moment = AuditTrail(database), NOW
    audit = Audit(trail, lambda: moment)
    await audit.note("ann-id", AuditAction.CONNECTED, "oauth")
    moment = NOW + KEPT
    await audit.note("bob", AuditAction.USED, "a session")
    await audit.sweep()
    assert len(await trail.load()) == 2
    moment += timedelta(seconds=1)
    await audit.sweep()
    assert await trail.load() == [AuditRecord(NOW + KEPT, "bob", "used", "a session")]
    assert await trail.load("ann-id") == []
    assert await trail.count("bob") == 1
    await trail.delete("bob")
    assert await trail.count("bob") == 0


async def test_a_deed_is_done_even_if_it_cannot_be_written_down(storage_url: str) -> None:
    async with open_database(storage_url) as database:
        pass
    await Audit(AuditTrail(database), lambda: NOW).note("ann-id", AuditAction.USED)


async def test_a_version_is_remembered_once(database: Database) -> None:
    refusals = BearerRefusals(database)
    assert not await refusals.has_any()
    for _ in range(2):
        await refusals.save("7.7", NOW)
    assert await refusals.has_any()
    assert await refusals.contains("7.7")
    assert not await refusals.contains("8.0")
