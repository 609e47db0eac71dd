"""More is said at once than fits into memory."""

import pytest
from sqlalchemy import func, select

from bot.errors import UnreachableError
from bot.storage.database import open_database
from bot.storage.tables import inbox
from tests.integration.storage.inbox_model import Process, World

MORE_THAN_FITS = 10_050


async def test_what_does_not_fit_is_fetched_later_and_once_more_where_that_fails(
    storage_url: str,
) -> None:
    world = World()
    async with open_database(storage_url) as database:
        process = Process(world, database, "one")
        assert await process.connect()
        for number in range(MORE_THAN_FITS):
            world.say(f"person {number % 50}")
        world.is_reachable = False
        with pytest.raises(UnreachableError):
            await process.receiver.save_heard()
        world.is_reachable = True
        await process.receiver.save_heard()
        stored = await database.write(
            lambda connection: connection.scalar(select(func.count()).select_from(inbox))
        )
        assert stored == MORE_THAN_FITS
        assert process.queues.room == 0
