from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from bot.features.sessions.sessions import NumberedLists
from bot.storage.database import open_database
from tests.support.stored import add_accounts

NOW = datetime(2026, 11, 23, 20, 0, tzinfo=UTC)


@pytest.fixture
async def lists(storage_url: str) -> AsyncIterator[NumberedLists]:
    async with open_database(storage_url) as database:
        await add_accounts(database, "ann", "bob")
        yield NumberedLists(database)


async def test_a_user_has_no_list_at_first(lists: NumberedLists) -> None:
    assert await lists.load("ann") == []


async def test_a_list_keeps_its_order(lists: NumberedLists) -> None:
    groups = [["s9", "s1"], ["s5"], [], ["s3", "s4", "s2"]]
    await lists.save("ann", groups, NOW)
    assert await lists.load("ann") == groups
    assert await lists.load("bob") == []


async def test_a_new_list_replaces_the_older_one(lists: NumberedLists) -> None:
    await lists.save("ann", [["s1"], ["s2"]], NOW)
    await lists.save("bob", [["s3"]], NOW)
    await lists.save("ann", [["s2"]], NOW + timedelta(minutes=1))
    assert await lists.load("ann") == [["s2"]]
    assert await lists.load("bob") == [["s3"]]


async def test_an_empty_list_replaces_the_older_one(lists: NumberedLists) -> None:
    await lists.save("ann", [["s1"]], NOW)
    await lists.save("ann", [], NOW)
    assert await lists.load("ann") == []
