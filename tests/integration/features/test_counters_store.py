import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from bot.features.status_report.counters import CounterStore, CounterTable
from bot.metrics import CommandOutcome, Metrics
from bot.storage.database import open_database

NINE = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
async def tallies(storage_url: str) -> AsyncIterator[CounterTable]:
    async with open_database(storage_url) as database:
        yield CounterTable(database)


async def test_what_processes_add_is_summed_and_reported_once(tallies: CounterTable) -> None:
    await tallies.add({"commands": 3, "losses": 0}, NINE)
    await tallies.add({"commands": 2}, NINE + HOUR)
    tally = await tallies.load(NINE)
    assert tally.fresh == {"commands": 5, "losses": 0}
    assert tally.since == NINE
    await tallies.add({"commands": 1}, NINE + HOUR)
    await tallies.mark(tally, NINE + 2 * HOUR)
    # What came between the look and the mark is not lost.
    after = await tallies.load(NINE)
    assert after.fresh == {"commands": 1, "losses": 0}
    assert after.totals == {"commands": 6, "losses": 0}
    assert after.since == NINE + 2 * HOUR


async def test_before_anything_is_counted_counting_begins_now(tallies: CounterTable) -> None:
    tally = await tallies.load(NINE)
    assert (tally.since, dict(tally.fresh)) == (NINE, {})
    await tallies.add({}, NINE)
    await tallies.mark(tally, NINE)


async def test_nothing_is_lost_where_many_add_at_once(storage_url: str) -> None:
    async with open_database(storage_url) as one, open_database(storage_url) as other:
        books = [CounterTable(one), CounterTable(other)]
        await asyncio.gather(*(books[n % 2].add({"a": 1, "b": n}, NINE) for n in range(40)))
        assert (await books[0].load(NINE)).fresh == {"a": 40, "b": sum(range(40))}


async def test_a_process_enters_only_what_is_new(tallies: CounterTable) -> None:
    metrics = Metrics("0")
    books = CounterStore(metrics, tallies, lambda: NINE, asyncio.sleep)
    metrics.record_command("session", CommandOutcome.ANSWERED, "m")
    await asyncio.gather(*(books.enter_if_possible() for _ in range(3)))
    metrics.record_command("session", CommandOutcome.ANSWERED, "m")
    tally = await books.load()
    assert tally.fresh["commands answered"] == 2
    assert tally.fresh["starts"] == 1
    assert tally.fresh["alerts"] == 0
