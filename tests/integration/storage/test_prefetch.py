"""What the first answer to somebody needs is read in the trip that claims their message."""

from collections.abc import AsyncIterator

import pytest

from bot.dispatcher.user_queues import Progress
from bot.storage.database import open_database
from tests.integration.storage.inbox_model import PEOPLE, Process, World

ANN, BOB, _ = PEOPLE


@pytest.fixture
async def world() -> World:
    return World()


@pytest.fixture
async def process(world: World, storage_url: str) -> AsyncIterator[Process]:
    async with open_database(storage_url) as database:
        process = Process(world, database, "one")
        assert await process.connect()
        yield process


async def test_it_is_begun_with_the_claim_and_given_to_whoever_asks_first(
    world: World, process: Process
) -> None:
    world.say(ANN)
    world.say(BOB)
    await process.intake.take_in()
    assert sorted(process.looked_up) == [ANN, BOB]
    await process.ask_for(ANN)
    assert len(process.looked_up) == 2
    await process.ask_for(ANN)
    assert len(process.looked_up) == 3


async def test_nothing_is_foreseen_while_an_answer_may_change_it(
    world: World, process: Process
) -> None:
    for _ in range(3):
        world.say(ANN)
        await process.intake.take_in()
    assert process.looked_up == [ANN]


async def test_what_an_answer_had_no_use_for_is_not_kept_for_the_next(
    world: World, process: Process
) -> None:
    world.say(ANN)
    await process.intake.take_in()
    assert await process.lanes.work(ANN) is Progress.SETTLED
    await process.ask_for(ANN)
    assert process.looked_up == [ANN, ANN]


async def test_it_is_let_go_where_another_process_was_first(world: World, process: Process) -> None:
    other = Process(world, process.database, "two")
    assert await other.connect()
    world.say(ANN)
    await process.intake.take_in()
    await other.intake.take_in()
    assert not other.lanes.jobs
    await other.ask_for(ANN)
    assert other.looked_up == [ANN, ANN]


async def test_nothing_is_foreseen_where_much_waits(world: World, process: Process) -> None:
    for number in range(120):
        world.say(f"person {number}")
    process.lanes.room = 200
    await process.intake.take_in()
    assert process.lanes.count == 120
    assert process.looked_up == []
