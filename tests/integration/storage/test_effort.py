"""What the database is spared: waiting for the disk, transactions for mere queries, extra trips."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import Connection

from bot.errors import StorageError
from bot.features.accounts.audit import Audit, AuditAction
from bot.features.accounts.audit_store import AuditTrail
from bot.features.accounts.store import Accounts, ConnectedAccount, DelegatedTokens
from bot.features.sessions.store import DeviceNames
from bot.models import TokenPair
from bot.storage.database import Database, open_database
from bot.storage.dossier import make_foresight
from bot.storage.foresight import Foresight, Part, Rows
from bot.storage.vault import KeyRing, Vault

FULL, NORMAL = 2, 1


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with open_database(f"sqlite:///{tmp_path}/bot.db") as opened:
        yield opened


def ask_for_safety(connection: Connection) -> object:
    return connection.exec_driver_sql("PRAGMA synchronous").scalar_one()


async def test_only_what_must_outlast_a_power_cut_waits_for_the_disk(database: Database) -> None:
    for is_lasting, safety in ((False, NORMAL), (True, FULL), (False, NORMAL)):
        found = await database.run(ask_for_safety, is_groupable=True, is_lasting=is_lasting)
        assert found == safety
    assert await database.run(ask_for_safety) == FULL


async def test_what_must_last_makes_all_that_is_committed_with_it_last(database: Database) -> None:
    together = [
        database.begin(ask_for_safety, is_groupable=True, is_lasting=False),
        database.begin(ask_for_safety, is_groupable=True),
        database.begin(ask_for_safety, is_groupable=True, is_lasting=False),
    ]
    assert FULL in await asyncio.gather(*together)


async def test_the_same_on_postgresql(postgres_url: str) -> None:
    def show(connection: Connection) -> object:
        return connection.exec_driver_sql("SHOW synchronous_commit").scalar_one()

    async with open_database(postgres_url) as database:
        assert await database.run(show, is_groupable=True, is_lasting=False) == "off"
        assert await database.run(show, is_groupable=True) == "on"
        assert await database.run(show, is_lasting=False) == "off"
        assert await database.run(show) == "on"


async def test_a_query_reads_while_another_program_writes(
    database: Database, tmp_path: Path
) -> None:
    names = DeviceNames(database, make_foresight(database))
    await names.save("ann", "key", "kitchen tablet")
    with closing(sqlite3.connect(tmp_path / "bot.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert await names.load("ann") == {"key": "kitchen tablet"}


async def test_a_query_sees_what_was_written_before_it(storage_url: str) -> None:
    async with open_database(storage_url) as database:
        names = DeviceNames(database, make_foresight(database))
        for word in ("one", "two", "three"):
            writing = asyncio.create_task(names.save("ann", "key", word))
            await asyncio.sleep(0)
            assert await names.load("ann") == {"key": word}
            await writing


@pytest.fixture
def foresight(database: Database) -> Foresight:
    return make_foresight(database)


@pytest.fixture
def names(database: Database, foresight: Foresight) -> DeviceNames:
    return DeviceNames(database, foresight)


async def test_what_is_expected_is_read_once_and_then_anew(
    names: DeviceNames, foresight: Foresight
) -> None:
    foresight.expect("ann")
    await names.save("ann", "key", "kitchen tablet")
    assert await names.load("ann") == {}
    assert await names.load("ann") == {"key": "kitchen tablet"}


async def test_what_is_expected_again_is_not_begun_again(
    names: DeviceNames, foresight: Foresight
) -> None:
    foresight.expect("ann")
    await names.save("ann", "key", "kitchen tablet")
    foresight.expect("ann")
    assert await names.load("ann") == {}


async def test_what_was_expected_long_ago_is_read_anew(database: Database) -> None:
    def begin(_user_id: str) -> asyncio.Future[Mapping[Part, Rows]]:
        return database.begin(lambda _connection: {Part.NAMES: [("old",)]})

    def begin_anew(_user_id: str) -> asyncio.Future[Rows]:
        return database.begin(lambda _connection: [("new",)])

    foresight = Foresight(begin, lifetime=0.0)
    foresight.expect("ann")
    await database.run(ask_for_safety)
    assert await foresight.read("ann", Part.NAMES, begin_anew) == [("new",)]


async def test_what_was_expected_in_vain_is_forgotten(
    names: DeviceNames, foresight: Foresight
) -> None:
    foresight.expect("ann")
    foresight.forget("ann")
    foresight.forget("ann")
    await names.save("ann", "key", "kitchen tablet")
    assert await names.load("ann") == {"key": "kitchen tablet"}


async def test_an_expected_read_that_fails_fails_where_it_is_asked_for(
    database: Database, names: DeviceNames, foresight: Foresight
) -> None:
    await database.run(lambda connection: connection.exec_driver_sql("DROP TABLE device_names"))
    for user_id in ("ann", "bob"):
        foresight.expect(user_id)
    with pytest.raises(StorageError):
        await names.load("ann")
    for user_id in ("ann", "bob"):
        foresight.forget(user_id)


class SlowRead:
    """A read that is under way until it is told its outcome."""

    def __init__(self) -> None:
        self.outcome: asyncio.Future[Mapping[Part, Rows]] = (
            asyncio.get_running_loop().create_future()
        )
        self.foresight = Foresight(lambda _user_id: self.outcome)
        self.foresight.expect("ann")

    def ask_for(self, part: Part) -> "asyncio.Task[Rows]":
        return asyncio.create_task(self.foresight.read("ann", part, self.refuse))

    def refuse(self, user_id: str) -> asyncio.Future[Rows]:
        raise AssertionError(f"{user_id} was expected")

    def end(self) -> None:
        self.outcome.set_result({Part.NAMES: [("key", "name")]})


async def test_whoever_waits_for_a_part_gets_it_though_the_rest_is_let_go() -> None:
    slow = SlowRead()
    waiting = slow.ask_for(Part.NAMES)
    await asyncio.sleep(0)
    slow.foresight.forget("ann")
    slow.end()
    assert await waiting == [("key", "name")]


async def test_whoever_gives_up_waiting_takes_nothing_from_others() -> None:
    slow = SlowRead()
    impatient, patient = slow.ask_for(Part.ACCOUNT), slow.ask_for(Part.NAMES)
    await asyncio.sleep(0)
    impatient.cancel()
    await asyncio.wait([impatient])
    slow.end()
    assert impatient.cancelled()
    assert await patient == [("key", "name")]


@pytest.mark.parametrize("number", [0, 1, 3])
async def test_what_is_expected_is_what_each_would_read_alone(
    storage_url: str, number: int
) -> None:
    async with open_database(storage_url) as database:
        foresight, alone = make_foresight(database), make_foresight(database)
        vault = Vault(KeyRing([bytes(range(32))]), "here")
        now = datetime(2026, 11, 23, tzinfo=UTC)
        account = ConnectedAccount("ann", "Ann", "oauth", now, utc_offset=2.0, zone="")
        pair = TokenPair(SecretStr("access"), SecretStr("refresh"), now)
        if number:
            await Accounts(database, vault, alone).save_pair(account, pair, now)
        for each in range(number):
            await DeviceNames(database, alone).save("ann", f"key {each}", f"name {each}")
        await DeviceNames(database, alone).save("bob", "key", "not Ann's")
        for user_id in ("ann", "bob"):
            foresight.expect(user_id)
            for place in (Accounts, DelegatedTokens):
                foreseen = await place(database, vault, foresight).load(user_id)
                assert foreseen == await place(database, vault, alone).load(user_id)
            foreseen_names = await DeviceNames(database, foresight).load(user_id)
            assert foreseen_names == await DeviceNames(database, alone).load(user_id)
            assert len(foreseen_names) == (1 if user_id == "bob" else number)


async def test_a_use_is_in_the_trail_before_anything_that_is_written_later(
    database: Database,
) -> None:
    trail = AuditTrail(database)
    await Audit(trail, lambda: datetime(2026, 11, 23, tzinfo=UTC)).note("ann", AuditAction.USED)
    seen = await database.run(
        lambda connection: connection.exec_driver_sql("SELECT count(*) FROM audit").scalar_one()
    )
    assert seen == 1


async def test_what_is_not_urgent_is_done_even_if_nothing_comes_after_it(
    database: Database,
) -> None:
    async with asyncio.timeout(10):
        for _ in range(2):
            await database.run(ask_for_safety, is_groupable=True, is_urgent=False)


async def test_what_is_not_urgent_is_kept_even_if_the_end_comes_after_it(storage_url: str) -> None:
    async with open_database(storage_url) as database:
        await Audit(AuditTrail(database), lambda: datetime(2026, 11, 23, tzinfo=UTC)).note(
            "ann", AuditAction.USED
        )
    async with open_database(storage_url) as database:
        assert await AuditTrail(database).count("ann") == 1
