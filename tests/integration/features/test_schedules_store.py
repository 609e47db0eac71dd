import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr

from bot.features.accounts.store import Accounts, ConnectedAccount
from bot.features.reports.store import ReportRun, ReportRuns, RunCreation, Schedule, ScheduleStore
from bot.models import AuthToken
from bot.storage.database import Database, open_database
from bot.storage.vault import KeyRing, Vault

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
ANN = Schedule("ann", "Ann", "daily 08:00", NOW, NOW + MINUTE, zone="Europe/Berlin", utc_offset=1.0)


@dataclass
class Rooms:
    database: Database
    schedules: ScheduleStore
    slots: ReportRuns


@pytest.fixture
async def rooms(storage_url: str) -> AsyncIterator[Rooms]:
    async with open_database(storage_url) as database:
        yield Rooms(database, ScheduleStore(database), ReportRuns(database))


def next_day(schedule: Schedule) -> Schedule:
    return replace(schedule, next_at=schedule.next_at + DAY, start_at=schedule.start_at + DAY)


async def open_slot(rooms: Rooms, schedule: Schedule = ANN, missed: int = 0) -> bool:
    opening = RunCreation(schedule, next_day(schedule), schedule.next_at, missed)
    return await rooms.schedules.open_slots([opening]) == 1


async def claim(
    slots: ReportRuns, now: datetime = NOW + MINUTE, by: str = "one"
) -> ReportRun | None:
    return await slots.claim(now=now, by=by, until=now + 5 * MINUTE)


async def test_a_schedule_comes_back_as_it_was_and_is_one_for_each_user(rooms: Rooms) -> None:
    full = replace(ANN, is_only_changes=True, paused_until=NOW, skipped=2, trouble="x")
    for schedule in (ANN, full):
        await rooms.schedules.save(schedule)
        assert await rooms.schedules.load("ann") == schedule
    assert await rooms.schedules.load("bob") is None
    assert await rooms.schedules.delete("ann")
    assert not await rooms.schedules.delete("ann")
    assert await rooms.schedules.load("ann") is None


async def test_due_is_what_may_start_and_the_longest_due_comes_first(rooms: Rooms) -> None:
    await rooms.schedules.save(ANN)
    await rooms.schedules.save(replace(ANN, user_id="bob", start_at=NOW))
    await rooms.schedules.save(replace(ANN, user_id="cat", start_at=NOW + DAY))

    async def due(now: datetime, limit: int = 9) -> list[str]:
        return [each.user_id for each in await rooms.schedules.load_due(now, limit)]

    assert await due(NOW - MINUTE) == []
    assert await due(NOW) == ["bob"]
    assert await due(NOW + MINUTE) == ["bob", "ann"]
    assert await due(NOW + MINUTE, limit=1) == ["bob"]


async def test_a_slot_is_opened_once_and_the_schedule_goes_on(rooms: Rooms) -> None:
    await rooms.schedules.save(ANN)
    opened = await asyncio.gather(*(open_slot(rooms, missed=2) for _ in range(5)))
    assert opened.count(True) == 1
    assert await rooms.schedules.load("ann") == replace(next_day(ANN), skipped=2)
    assert await claim(rooms.slots) == ReportRun("ann", "daily 08:00", NOW, tries=1)
    assert await claim(rooms.slots) is None


async def test_opening_a_slot_leaves_alone_what_was_noted_meanwhile(rooms: Rooms) -> None:
    await rooms.schedules.save(ANN)
    await rooms.schedules.note_skipped("ann")
    await rooms.schedules.note_trouble("ann", "no licence")
    assert await open_slot(rooms, missed=1)
    found = await rooms.schedules.load("ann")
    assert found == replace(next_day(ANN), skipped=2, trouble="no licence")
    await rooms.schedules.note_made("ann")
    assert await rooms.schedules.load("ann") == next_day(ANN)


async def test_a_schedule_that_was_replaced_opens_no_slot(rooms: Rooms) -> None:
    await rooms.schedules.save(replace(ANN, rule="daily 09:00"))
    assert not await open_slot(rooms)
    await rooms.schedules.save(replace(ANN, next_at=NOW + MINUTE))
    assert not await open_slot(rooms)
    assert not await rooms.schedules.replan(ANN, next_day(ANN))
    assert await claim(rooms.slots) is None


async def test_a_slot_waits_for_its_place_in_the_window(rooms: Rooms) -> None:
    await rooms.schedules.save(ANN)
    await open_slot(rooms)
    assert await claim(rooms.slots, NOW) is None
    assert await claim(rooms.slots, NOW + MINUTE) is not None


async def test_a_claim_whose_time_is_up_is_taken_over_and_a_finished_one_is_not(
    rooms: Rooms,
) -> None:
    await rooms.schedules.save(ANN)
    await open_slot(rooms)
    assert await claim(rooms.slots)
    assert await claim(rooms.slots, NOW + 6 * MINUTE - timedelta(seconds=1), by="two") is None
    taken = await claim(rooms.slots, NOW + 6 * MINUTE, by="two")
    assert taken is not None
    assert taken.tries == 2
    await rooms.slots.finish(taken, "sent", NOW)
    assert await claim(rooms.slots, NOW + DAY) is None
    assert await rooms.slots.load_outcomes("ann") == {NOW: "sent"}


async def test_only_who_holds_a_slot_can_release_it(rooms: Rooms) -> None:
    await rooms.schedules.save(ANN)
    await open_slot(rooms)
    slot = await claim(rooms.slots)
    assert slot is not None
    await rooms.slots.release(slot, by="two", free_at=NOW)
    assert await claim(rooms.slots) is None
    await rooms.slots.release(slot, by="one", free_at=NOW + 2 * MINUTE)
    assert await claim(rooms.slots) is None
    assert await claim(rooms.slots, NOW + 2 * MINUTE) is not None


async def test_ending_a_schedule_ends_its_slots_and_old_ones_are_swept(rooms: Rooms) -> None:
    for user_id in ("ann", "bob"):
        schedule = replace(ANN, user_id=user_id)
        await rooms.schedules.save(schedule)
        await open_slot(rooms, schedule)
    await rooms.schedules.delete("ann")
    slot = await claim(rooms.slots)
    assert slot is not None
    assert slot.user_id == "bob"
    await rooms.slots.finish(slot, "sent", NOW)
    assert await rooms.slots.sweep(NOW) == 0
    assert await rooms.slots.sweep(NOW + MINUTE) == 1


async def test_of_many_workers_each_slot_goes_to_one(storage_url: str) -> None:
    async with AsyncExitStack() as stack:
        databases = [await stack.enter_async_context(open_database(storage_url)) for _ in range(3)]
        for number in range(20):
            schedule = replace(ANN, user_id=f"user {number:02}")
            await ScheduleStore(databases[0]).save(schedule)
            await open_slot(
                Rooms(databases[0], ScheduleStore(databases[0]), ReportRuns(databases[0])), schedule
            )
        won: list[str] = []

        async def work(database: Database, name: str) -> None:
            idle = 0
            while idle < 3:
                slot = await claim(ReportRuns(database), by=name)
                idle = 0 if slot else idle + 1
                won.extend([slot.user_id] if slot else [])

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
    rooms: Rooms, zone: str, utc_offset: float | None, *, has_moved: bool
) -> None:
    vault = Vault(KeyRing([bytes(range(32))]), "here")
    account = ConnectedAccount("ann", "Ann", "oauth", NOW, utc_offset=utc_offset, zone=zone)
    await Accounts(rooms.database, vault).save(account, AuthToken("ann", SecretStr("token")))
    await rooms.schedules.save(ANN)
    await rooms.schedules.save(replace(ANN, user_id="nobody"))
    assert [each.user_id for each in await rooms.schedules.load_moved()] == ["ann"] * has_moved


async def test_without_a_zone_the_offset_counts(rooms: Rooms) -> None:
    vault = Vault(KeyRing([bytes(range(32))]), "here")
    account = ConnectedAccount("ann", "Ann", "oauth", NOW, utc_offset=2.0)
    await Accounts(rooms.database, vault).save(account, AuthToken("ann", SecretStr("token")))
    for utc_offset, moved in ((2.0, 0), (1.0, 1), (None, 1)):
        await rooms.schedules.save(replace(ANN, zone="", utc_offset=utc_offset))
        assert len(await rooms.schedules.load_moved()) == moved


async def test_slots_are_opened_together_but_for_what_has_changed_meanwhile(rooms: Rooms) -> None:
    others = [replace(ANN, user_id=f"user {number}") for number in range(3)]
    for each in others:
        await rooms.schedules.save(each)
    await rooms.schedules.save(replace(others[1], rule="daily 10:00"))
    openings = [RunCreation(each, next_day(each), each.next_at) for each in others]
    assert await rooms.schedules.open_slots(openings) == 2
    assert await rooms.schedules.open_slots(openings) == 0
    assert [await rooms.slots.load_outcomes(each.user_id) for each in others] == [
        {ANN.next_at: ""},
        {},
        {ANN.next_at: ""},
    ]


async def test_a_slot_is_taken_by_its_name_and_held_until_it_is_done_with(rooms: Rooms) -> None:
    await rooms.schedules.save(ANN)
    await open_slot(rooms)
    now = NOW + MINUTE
    [slot] = await rooms.slots.load_free(now, 10)
    taken = await rooms.slots.take(slot, now=now, by="one", until=now + MINUTE)
    assert taken == replace(slot, tries=1)
    assert await rooms.slots.take(slot, now=now, by="two", until=now + MINUTE) is None
    await rooms.slots.hold(slot, by="two", until=now)  # no claim of theirs
    assert await rooms.slots.load_free(now, 10) == []
    await rooms.slots.hold(slot, by="one", until=now + 2 * MINUTE)
    assert await rooms.slots.load_free(now + MINUTE, 10) == []
    assert await rooms.slots.load_free(now + 2 * MINUTE, 10) == [taken]
    await rooms.slots.finish(slot, "sent", now)
    await rooms.slots.hold(slot, by="one", until=now)
    assert await rooms.slots.load_free(now + 2 * MINUTE, 10) == []
