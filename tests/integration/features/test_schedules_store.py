import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr

from bot.features.accounts.store import Accounts, ConnectedAccount
from bot.features.reports.runs import ReportRun, ReportRuns
from bot.features.reports.schedules import Schedules
from bot.features.reports.store import RunCreation, Schedule, ScheduleStore
from bot.models import AuthToken
from bot.storage.database import Database, open_database
from bot.storage.vault import KeyRing, Vault
from tests.support.stored import add_accounts, load_outcomes

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
ANN = Schedule("ann", "daily 08:00", NOW, NOW + MINUTE, zone="Europe/Berlin", utc_offset=1.0)


@dataclass
class Stores:
    database: Database
    schedules: ScheduleStore
    runs: ReportRuns


@pytest.fixture
async def stores(storage_url: str) -> AsyncIterator[Stores]:
    async with open_database(storage_url) as database:
        await add_accounts(database, "ann", "bob")
        yield Stores(database, ScheduleStore(database), ReportRuns(database))


def next_day(schedule: Schedule) -> Schedule:
    return replace(schedule, next_at=schedule.next_at + DAY, start_at=schedule.start_at + DAY)


async def create_run(stores: Stores, schedule: Schedule = ANN, missed: int = 0) -> bool:
    creation = RunCreation(schedule, next_day(schedule), schedule.next_at, missed)
    return await stores.schedules.create_runs([creation]) == 1


async def claim(
    runs: ReportRuns, now: datetime = NOW + MINUTE, by: str = "one"
) -> ReportRun | None:
    return await runs.claim(now=now, by=by, until=now + 5 * MINUTE)


async def test_a_user_has_one_schedule_loaded_as_it_was_saved(stores: Stores) -> None:
    full = replace(ANN, is_only_changes=True, paused_until=NOW, skipped=2, problem="x")
    for schedule in (ANN, full):
        await stores.schedules.save(schedule)
        assert await stores.schedules.load("ann") == schedule
    assert await stores.schedules.load("bob") is None
    assert await stores.schedules.delete("ann")
    assert not await stores.schedules.delete("ann")
    assert await stores.schedules.load("ann") is None


async def test_due_schedules_are_loaded_the_longest_due_first(stores: Stores) -> None:
    await stores.schedules.save(ANN)
    await stores.schedules.save(replace(ANN, user_id="bob", start_at=NOW))
    await stores.schedules.save(replace(ANN, user_id="cat", start_at=NOW + DAY))

    async def due(now: datetime, limit: int = 9) -> list[str]:
        return [each.user_id for each in await stores.schedules.load_due(now, limit)]

    assert await due(NOW - MINUTE) == []
    assert await due(NOW) == ["bob"]
    assert await due(NOW + MINUTE) == ["bob", "ann"]
    assert await due(NOW + MINUTE, limit=1) == ["bob"]


async def test_a_run_is_created_once_and_the_schedule_advances(stores: Stores) -> None:
    await stores.schedules.save(ANN)
    opened = await asyncio.gather(*(create_run(stores, missed=2) for _ in range(5)))
    assert opened.count(True) == 1
    assert await stores.schedules.load("ann") == replace(next_day(ANN), skipped=2)
    assert await claim(stores.runs) == ReportRun("ann", "daily 08:00", NOW, tries=1)
    assert await claim(stores.runs) is None


async def test_creating_a_run_keeps_what_was_saved_meanwhile(stores: Stores) -> None:
    await stores.schedules.save(ANN)
    await stores.schedules.count_skipped("ann")
    await stores.schedules.save_problem("ann", "no licence")
    assert await create_run(stores, missed=1)
    found = await stores.schedules.load("ann")
    assert found == replace(next_day(ANN), skipped=2, problem="no licence")
    await stores.schedules.clear_problems("ann")
    assert await stores.schedules.load("ann") == next_day(ANN)


async def test_a_schedule_that_was_replaced_creates_no_run(stores: Stores) -> None:
    await stores.schedules.save(replace(ANN, rule="daily 09:00"))
    assert not await create_run(stores)
    await stores.schedules.save(replace(ANN, next_at=NOW + MINUTE))
    assert not await create_run(stores)
    assert not await stores.schedules.reschedule(ANN, next_day(ANN))
    assert await claim(stores.runs) is None


async def test_a_run_is_not_claimable_before_its_time(stores: Stores) -> None:
    await stores.schedules.save(ANN)
    await create_run(stores)
    assert await claim(stores.runs, NOW) is None
    assert await claim(stores.runs, NOW + MINUTE) is not None


async def test_a_claim_whose_time_is_up_is_taken_over_and_a_finished_one_is_not(
    stores: Stores,
) -> None:
    await stores.schedules.save(ANN)
    await create_run(stores)
    assert await claim(stores.runs)
    assert await claim(stores.runs, NOW + 6 * MINUTE - timedelta(seconds=1), by="two") is None
    taken = await claim(stores.runs, NOW + 6 * MINUTE, by="two")
    assert taken is not None
    assert taken.tries == 2
    await stores.runs.finish(taken, "sent", NOW)
    assert await claim(stores.runs, NOW + DAY) is None
    assert await load_outcomes(stores.database, "ann") == {NOW: "sent"}


async def test_only_the_worker_that_claimed_a_run_releases_it(stores: Stores) -> None:
    await stores.schedules.save(ANN)
    await create_run(stores)
    run = await claim(stores.runs)
    assert run is not None
    await stores.runs.release(run, by="two", claimable_at=NOW)
    assert await claim(stores.runs) is None
    await stores.runs.release(run, by="one", claimable_at=NOW + 2 * MINUTE)
    assert await claim(stores.runs) is None
    assert await claim(stores.runs, NOW + 2 * MINUTE) is not None


async def test_deleting_a_schedule_deletes_its_runs_and_old_ones_are_swept(stores: Stores) -> None:
    for user_id in ("ann", "bob"):
        schedule = replace(ANN, user_id=user_id)
        await stores.schedules.save(schedule)
        await create_run(stores, schedule)
    await stores.schedules.delete("ann")
    run = await claim(stores.runs)
    assert run is not None
    assert run.user_id == "bob"
    await stores.runs.finish(run, "sent", NOW)
    assert await stores.runs.sweep(NOW) == 0
    assert await stores.runs.sweep(NOW + MINUTE) == 1


async def test_of_many_workers_one_claims_each_run(storage_url: str) -> None:
    async with AsyncExitStack() as stack:
        databases = [await stack.enter_async_context(open_database(storage_url)) for _ in range(3)]
        for number in range(20):
            schedule = replace(ANN, user_id=f"user {number:02}")
            await add_accounts(databases[0], schedule.user_id)
            await ScheduleStore(databases[0]).save(schedule)
            await create_run(
                Stores(databases[0], ScheduleStore(databases[0]), ReportRuns(databases[0])),
                schedule,
            )
        won: list[str] = []

        async def work(database: Database, name: str) -> None:
            idle = 0
            while idle < 3:
                run = await claim(ReportRuns(database), by=name)
                idle = 0 if run else idle + 1
                won.extend([run.user_id] if run else [])

        await asyncio.gather(*(work(databases[n % 3], str(n)) for n in range(6)))
    assert sorted(won) == [f"user {number:02}" for number in range(20)]


@pytest.mark.parametrize(
    ("zone", "utc_offset", "has_moved"),
    [
        ("Europe/Berlin", 1.0, False),
        ("Asia/Tokyo", 1.0, True),
        ("Europe/Berlin", 2.0, False),
        ("", 1.0, True),
    ],
)
async def test_a_move_to_another_zone_is_noticed(
    stores: Stores, zone: str, utc_offset: float | None, *, has_moved: bool
) -> None:
    vault = Vault(KeyRing([bytes(range(32))]), "here")
    account = ConnectedAccount("ann", "Ann", "oauth", NOW, utc_offset=utc_offset, zone=zone)
    accounts = Accounts(stores.database, vault)
    await accounts.save(account, AuthToken("ann", SecretStr("token")))
    await accounts.save_zone("ann", zone)
    await stores.schedules.save(ANN)
    await stores.schedules.save(replace(ANN, user_id="nobody"))
    assert [each.user_id for each in await stores.schedules.load_with_other_zone()] == [
        "ann"
    ] * has_moved


async def test_without_a_zone_the_offset_counts(stores: Stores) -> None:
    vault = Vault(KeyRing([bytes(range(32))]), "here")
    account = ConnectedAccount("ann", "Ann", "oauth", NOW, utc_offset=2.0)
    await Accounts(stores.database, vault).save(account, AuthToken("ann", SecretStr("token")))
    for utc_offset, moved in ((2.0, 0), (1.0, 1), (None, 1)):
        await stores.schedules.save(replace(ANN, zone="", utc_offset=utc_offset))
        assert len(await stores.schedules.load_with_other_zone()) == moved


async def test_runs_are_created_together_but_not_for_changed_schedules(stores: Stores) -> None:
    others = [replace(ANN, user_id=f"user {number}") for number in range(3)]
    for each in others:
        await add_accounts(stores.database, each.user_id)
        await stores.schedules.save(each)
    await stores.schedules.save(replace(others[1], rule="daily 10:00"))
    creations = [RunCreation(each, next_day(each), each.next_at) for each in others]
    assert await stores.schedules.create_runs(creations) == 2
    assert await stores.schedules.create_runs(creations) == 0
    assert [await load_outcomes(stores.database, each.user_id) for each in others] == [
        {ANN.next_at: ""},
        {},
        {ANN.next_at: ""},
    ]


async def test_a_run_is_taken_and_extended_until_it_is_finished(stores: Stores) -> None:
    await stores.schedules.save(ANN)
    await create_run(stores)
    now = NOW + MINUTE
    [run] = await stores.runs.load_claimable(now, 10)
    taken = await stores.runs.take(run, now=now, by="one", until=now + MINUTE)
    assert taken == replace(run, tries=1)
    assert await stores.runs.take(run, now=now, by="two", until=now + MINUTE) is None
    await stores.runs.extend(run, by="two", until=now)  # claimed by "one"
    assert await stores.runs.load_claimable(now, 10) == []
    await stores.runs.extend(run, by="one", until=now + 2 * MINUTE)
    assert await stores.runs.load_claimable(now + MINUTE, 10) == []
    assert await stores.runs.load_claimable(now + 2 * MINUTE, 10) == [taken]
    await stores.runs.finish(run, "sent", now)
    await stores.runs.extend(run, by="one", until=now)
    assert await stores.runs.load_claimable(now + 2 * MINUTE, 10) == []


async def test_a_run_of_a_time_when_the_clock_was_ahead_is_not_made(stores: Stores) -> None:
    accounts = Accounts(stores.database, Vault(KeyRing([bytes(32)]), "https://chat.example.org"))
    await stores.schedules.save(ANN)
    run = ReportRun("ann", ANN.rule, NOW)

    def find_at(now: datetime) -> Schedules:
        return Schedules(stores.database, accounts, lambda: now, lambda: 10.0)

    assert await find_at(NOW - MINUTE).load_for(run) == ANN
    assert await find_at(NOW - DAY).load_for(run) is None
