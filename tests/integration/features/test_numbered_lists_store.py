from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from bot.features.sessions.store import NumberedLists
from bot.storage.database import open_database

NOW = datetime(2026, 11, 23, 20, 0, tzinfo=UTC)


@pytest.fixture
async def listings(storage_url: str) -> AsyncIterator[NumberedLists]:
    async with open_database(storage_url) as database:
        yield NumberedLists(database)


async def test_nobody_has_seen_a_list_at_first(listings: NumberedLists) -> None:
    assert await listings.load("ann") == []


async def test_a_list_comes_back_in_its_order(listings: NumberedLists) -> None:
    groups = [["s9", "s1"], ["s5"], [], ["s3", "s4", "s2"]]
    await listings.save("ann", groups, NOW)
    assert await listings.load("ann") == groups
    assert await listings.load("bob") == []


async def test_a_new_list_replaces_the_older_one(listings: NumberedLists) -> None:
    await listings.save("ann", [["s1"], ["s2"]], NOW)
    await listings.save("bob", [["s3"]], NOW)
    await listings.save("ann", [["s2"]], NOW + timedelta(minutes=1))
    assert await listings.load("ann") == [["s2"]]
    assert await listings.load("bob") == [["s3"]]


async def test_an_empty_list_is_one_too(listings: NumberedLists) -> None:
    await listings.save("ann", [["s1"]], NOW)
    await listings.save("ann", [], NOW)
    assert await listings.load("ann") == []


async def test_a_list_is_forgotten(listings: NumberedLists) -> None:
    await listings.save("ann", [["s1"]], NOW)
    await listings.save("bob", [["s3"]], NOW)
    await listings.delete("ann")
    await listings.delete("ann")
    assert await listings.load("ann") == []
    assert await listings.load("bob") == [["s3"]]
