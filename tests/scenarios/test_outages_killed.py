"""The bot as a program, killed at the worst moments."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot.dispatcher.claims import CLAIM_LEASE
from rocketchat_simulator import Event, MessageStored
from tests.support.people import Guest
from tests.support.programs import Program, start_program, write_config
from tests.support.stage import Stage, open_stage

# No claim of a killed bot does so earlier.
EXPIRES_AFTER_S = CLAIM_LEASE.total_seconds() / 2


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with open_stage(tmp_path, bots=0) as opened:
        yield opened


@asynccontextmanager
async def start(stage: Stage) -> AsyncIterator[Program]:
    """Run the bot as a program while the block lasts; it may be killed in it."""
    config = write_config(stage.folder / "config.toml", stage.settings)
    async with start_program("run", "--config", str(config)) as program:
        await program.wait_until_listening()
        yield program


async def expect_once(guest: Guest, *names: str) -> None:
    await guest.wait_for_answers(*names)
    await guest.expect_nothing_more()


async def test_killed_between_sending_an_answer_and_noting_it_it_says_nothing_twice(
    stage: Stage,
) -> None:
    alice = stage.invite("alice")
    async with start(stage) as program:

        def kill(event: Event) -> None:
            is_answer = isinstance(event, MessageStored) and "command one" in event.message["msg"]
            if is_answer and program.process.returncode is None:
                program.process.kill()

        stage.simulator.workspace.subscribe(kill)
        alice.ask("one", "two")
        await program.wait()
    async with start(stage):
        await expect_once(alice, "one", "two")


async def test_killed_before_it_could_answer_it_answers_when_it_comes_back(
    stage: Stage,
) -> None:
    alice, bob = stage.invite("alice"), stage.invite("bob")
    async with start(stage) as program:
        stage.simulator.faults.delay_answer("rooms.info", 60)
        alice.ask("one", "two")
        await stage.wait_for_calls("rooms.info")
        await program.kill()
    killed_at = time.monotonic()
    alice.ask("three")
    bob.ask("four")
    async with start(stage):
        await bob.wait_for_answers("four")
        # Only people whose messages were being answered wait until the killed bot's claims expire.
        assert not alice.answered or time.monotonic() - killed_at > EXPIRES_AFTER_S
        await expect_once(alice, "one", "two", "three")


async def test_killed_again_and_again_it_answers_everybody_once_and_in_order(
    stage: Stage,
) -> None:
    # Each says 16 messages, and one more in the end: 20 of one person are answered in a minute.
    guests = [stage.invite(f"guest{number}") for number in range(8)]
    said = 0
    for _ in range(4):
        async with start(stage) as program:
            for _ in range(4):
                for guest in guests:
                    guest.ask(f"n{said}")
                said += 1
                await asyncio.sleep(0.01)
            await program.kill()
    async with start(stage):
        for guest in guests:
            await expect_once(guest, *(f"n{number}" for number in range(said)))


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
async def test_a_stop_by_signal_ends_well_and_leaves_nothing_undone(
    stage: Stage, how: signal.Signals
) -> None:
    alice = stage.invite("alice")
    async with start(stage) as program:
        stage.simulator.faults.delay_answer("rooms.info", 2)
        alice.ask("one")
        await stage.wait_for_calls("rooms.info")
        program.process.send_signal(how)
        # This process finishes what it has begun; what is said later is for the next one.
        await alice.wait_for_answers("one")
        assert await program.wait() == 0
    assert not any("Traceback" in line for line in program.log)
    alice.ask("two")
    async with start(stage):
        await expect_once(alice, "one", "two")
