"""Looking, on a live connection, for what it has not delivered."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from bot.storage.database import open_database
from tests.integration.storage.inbox_model import PEOPLE, KilledError, Process, World

ANN = PEOPLE[0]
TWO_SECONDS = timedelta(seconds=2)
LONG_ENOUGH = timedelta(minutes=1)
LONGER_THAN_THE_OVERLAP = timedelta(minutes=5)


class Scene:
    """A world and one process in it, that is live."""

    def __init__(self, world: World, process: Process) -> None:
        self.world, self.process = world, process

    def wait(self, time: timedelta) -> None:
        self.world.now += time

    async def answer(self) -> list[str]:
        """Answer every claimed message; return those that were answered."""
        await self.process.receiver.save_heard()
        while await self.process.queues.work(ANN):
            pass
        return self.world.answered


@pytest.fixture
async def scene(storage_url: str) -> AsyncIterator[Scene]:
    world = World()
    async with open_database(storage_url) as database:
        process = Process(world, database, "one")
        assert await process.connect()
        world.now += timedelta(seconds=1)
        yield Scene(world, process)


async def test_what_was_lost_is_found_and_taken_in(scene: Scene) -> None:
    lost = scene.world.say(ANN, is_lost=True)
    scene.wait(LONG_ENOUGH)
    assert await scene.process.receiver.recheck()
    assert not await scene.process.receiver.recheck()
    assert await scene.answer() == [lost.id]


async def test_what_may_still_be_on_its_way_is_answered_before_it_is_called_lost(
    scene: Scene,
) -> None:
    lost = scene.world.say(ANN, is_lost=True)
    assert not await scene.process.receiver.recheck()
    assert await scene.answer() == [lost.id]
    scene.wait(LONG_ENOUGH)
    assert await scene.process.receiver.recheck()
    scene.wait(LONGER_THAN_THE_OVERLAP)
    assert not await scene.process.receiver.recheck()
    assert await scene.answer() == [lost.id]


async def test_what_comes_late_is_not_lost_and_is_answered_once(scene: Scene) -> None:
    late = scene.world.say(ANN, is_lost=True)
    assert not await scene.process.receiver.recheck()
    scene.process.receiver.hear(late)
    scene.wait(LONG_ENOUGH)
    assert not await scene.process.receiver.recheck()
    assert await scene.answer() == [late.id]


async def test_a_room_is_read_again_only_once_it_has_changed(scene: Scene) -> None:
    receiver, world = scene.process.receiver, scene.world
    said = [world.say(ANN, is_lost=True)]
    scene.wait(TWO_SECONDS)
    for _ in range(5):
        assert not await receiver.recheck()
    assert world.histories_fetched == 1
    said.append(world.say(ANN, is_lost=True))
    # Within the second of its change it may change again, and not show it.
    assert not await receiver.recheck()
    scene.wait(TWO_SECONDS)
    for _ in range(5):
        assert not await receiver.recheck()
    assert world.histories_fetched == 3
    assert await scene.answer() == [each.id for each in said]


async def test_a_room_whose_messages_could_not_be_saved_is_read_again(scene: Scene) -> None:
    lost = scene.world.say(ANN, is_lost=True)
    scene.wait(TWO_SECONDS)
    scene.world.deadly = "accepting"
    with pytest.raises(KilledError):
        await scene.process.receiver.recheck()
    assert not await scene.process.receiver.recheck()
    assert await scene.answer() == [lost.id]


async def test_a_connection_that_delivers_everything_has_lost_nothing(scene: Scene) -> None:
    said = [scene.world.say(ANN)]
    scene.wait(LONG_ENOUGH)
    assert not await scene.process.receiver.recheck()
    # What was caught up on is no loss of the new connection.
    scene.process.drop()
    said.append(scene.world.say(ANN))
    assert await scene.process.connect()
    scene.wait(LONG_ENOUGH)
    assert not await scene.process.receiver.recheck()
    assert await scene.answer() == [each.id for each in said]


async def test_what_is_heard_and_not_yet_written_down_survives_a_kill(scene: Scene) -> None:
    said = scene.world.say(ANN)
    scene.wait(LONGER_THAN_THE_OVERLAP)
    assert not await scene.process.receiver.recheck()
    scene.process.drop()
    await start_again(scene)
    assert await scene.answer() == [said.id]


async def test_what_was_heard_moves_no_checkpoint(scene: Scene) -> None:
    lost = scene.world.say(ANN, is_lost=True)
    scene.wait(LONGER_THAN_THE_OVERLAP)
    heard = scene.world.say(ANN)
    assert await scene.answer() == [heard.id]
    scene.process.drop()
    await start_again(scene)
    assert await scene.answer() == [heard.id, lost.id]


async def start_again(scene: Scene) -> None:
    scene.process = Process(scene.world, scene.process.database, "two")
    assert await scene.process.connect()
    scene.wait(timedelta(seconds=11))
    await scene.process.claims.take_over()
