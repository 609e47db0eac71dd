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
async def table(storage_url: str) -> AsyncIterator[CounterTable]:
    async with open_database(storage_url) as database:
        yield CounterTable(database)


async def test_what_processes_add_is_summed_and_reported_once(table: CounterTable) -> None:
    await table.add({"commands": 3, "losses": 0}, NINE)
    await table.add({"commands": 2}, NINE + HOUR)
    sums = await table.load(NINE)
    assert sums.fresh == {"commands": 5, "losses": 0}
    assert sums.since == NINE
    await table.add({"commands": 1}, NINE + HOUR)
    await table.mark_reported(sums, NINE + 2 * HOUR)
    # What was added between loading and marking is still fresh.
    after = await table.load(NINE)
    assert after.fresh == {"commands": 1, "losses": 0}
    assert after.totals == {"commands": 6, "losses": 0}
    assert after.since == NINE + 2 * HOUR


async def test_without_counts_counting_starts_now(table: CounterTable) -> None:
    sums = await table.load(NINE)
    assert (sums.since, dict(sums.fresh)) == (NINE, {})
    await table.add({}, NINE)
    await table.mark_reported(sums, NINE)


async def test_nothing_is_lost_where_many_add_at_once(storage_url: str) -> None:
    async with open_database(storage_url) as one, open_database(storage_url) as other:
        tables = [CounterTable(one), CounterTable(other)]
        await asyncio.gather(*(tables[n % 2].add({"a": 1, "b": n}, NINE) for n in range(40)))
        assert (await tables[0].load(NINE)).fresh == {"a": 40, "b": sum(range(40))}


async def test_a_process_saves_only_what_is_new(storage_url: str) -> None:
    async with open_database(storage_url) as database:
        metrics = Metrics("0")
        store = CounterStore(metrics, database, lambda: NINE, asyncio.sleep)
        metrics.record_command("session", CommandOutcome.ANSWERED, "m")
        await asyncio.gather(*(store.save_if_possible() for _ in range(3)))
        metrics.record_command("session", CommandOutcome.ANSWERED, "m")
        sums = await store.load()
    assert sums.fresh["commands answered"] == 2
    assert sums.fresh["starts"] == 1
    assert sums.fresh["alerts"] == 0
