"""One person, or many in one room, say more than the queues hold."""

import gc
import weakref
from dataclasses import replace

import pytest

from bot.storage.database import open_database
from bot.storage.inbox import MAX_CLAIMED_PER_PERSON, MAX_CLAIMED_PER_ROOM
from tests.integration.storage.inbox_model import Process, World

PLACES = 300


@pytest.mark.parametrize("seed", ["one person in many rooms", "many people in one room"])
async def test_a_flood_leaves_room_for_others(storage_url: str, seed: str) -> None:
    world = World()
    async with open_database(storage_url) as database:
        process = Process(world, database, "one")
        process.queues.room = PLACES
        flood = [world.say("mallory", 0.001) for _ in range(2 * PLACES)]
        if seed == "one person in many rooms":
            flood = [replace(each, room_id=f"group {n}") for n, each in enumerate(flood)]
            bound = MAX_CLAIMED_PER_PERSON
        else:
            senders = [replace(each.sender, id=f"stranger {n}") for n, each in enumerate(flood)]
            flood = [replace(each, sender=who) for each, who in zip(flood, senders, strict=True)]
            bound = MAX_CLAIMED_PER_ROOM
        await process.claims.accept(flood)
        assert process.queues.count == bound
        await process.claims.accept([world.say("bob")])
        assert process.queues.count == bound + 1
        assert await process.queues.work("bob")
        assert world.answered == [world.said[-1].id]


async def test_a_message_that_another_process_took_over_is_not_kept(storage_url: str) -> None:
    world = World()
    async with open_database(storage_url) as first, open_database(storage_url) as second:
        one, two = Process(world, first, "one"), Process(world, second, "two")
        one.queues.room = 0
        words = Words("!sessions")
        kept = weakref.ref(words)
        await one.claims.accept([replace(world.say("ann"), text=words)])
        del words
        assert kept() is not None
        assert await two.claims.take_over()
        one.queues.room = PLACES
        assert not await one.claims.take_over()
        gc.collect()
        assert kept() is None


class Words(str):  # noqa: SLOT000 - an object that weak references can have
    """What somebody wrote, as an object that can be seen to be gone."""
