from collections.abc import AsyncIterator

import pytest

from bot.features.sessions.sessions import DeviceNames
from bot.storage.database import open_database
from tests.support.stored import add_accounts


@pytest.fixture
async def names(storage_url: str) -> AsyncIterator[DeviceNames]:
    async with open_database(storage_url) as database:
        await add_accounts(database, "ann", "bob")
        yield DeviceNames(database)


async def test_names_are_loaded_by_device(names: DeviceNames) -> None:
    await names.save("ann", "firefox", "kitchen tablet")
    await names.save("ann", "safari", "Ænne's 📱 \\ 'quoted'")
    assert await names.load("ann") == {
        "firefox": "kitchen tablet",
        "safari": "Ænne's 📱 \\ 'quoted'",
    }


async def test_a_new_name_replaces_the_older_one_of_that_device_only(names: DeviceNames) -> None:
    await names.save("ann", "firefox", "old")
    await names.save("ann", "safari", "kept")
    await names.save("bob", "firefox", "bob's")
    await names.save("ann", "firefox", "new")
    assert await names.load("ann") == {"firefox": "new", "safari": "kept"}
    assert await names.load("bob") == {"firefox": "bob's"}


async def test_a_name_is_deleted_once(names: DeviceNames) -> None:
    await names.save("ann", "firefox", "kitchen tablet")
    await names.save("bob", "firefox", "bob's")
    assert not await names.delete("ann", "safari")
    assert await names.delete("ann", "firefox")
    assert not await names.delete("ann", "firefox")
    assert await names.load("ann") == {}
    assert await names.load("bob") == {"firefox": "bob's"}
