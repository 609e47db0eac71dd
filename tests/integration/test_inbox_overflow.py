"""More is said at once than fits into memory."""

from sqlalchemy import func, select

from bot.storage.database import open_database
from bot.storage.tables import inbox
from tests.integration.inbox_world import Process, World

MORE_THAN_FITS = 10_050


async def test_what_does_not_fit_is_fetched_later(storage_url: str) -> None:
    world = World()
    async with open_database(storage_url) as database:
        process = Process(world, database, "one")
        assert await process.connect()
        for number in range(MORE_THAN_FITS):
            world.say(f"person {number % 50}")
        await process.intake.take_in()
        stored = await database.run(
            lambda connection: connection.scalar(select(func.count()).select_from(inbox))
        )
        assert stored == MORE_THAN_FITS
        assert process.lanes.room == 0
