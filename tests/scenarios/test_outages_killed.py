"""The bot as a program of its own, killed at the worst moments."""

import asyncio
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from rocketchat_simulator import Event, MessageStored
from tests.support.outage_stage import Guest, OutageStage, open_outage_stage

PROGRAM = str(Path(sys.executable).with_name("session-bot"))
DEADLINE = 40


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[OutageStage]:
    async with open_outage_stage(tmp_path) as opened:
        yield opened


def write_config(stage: OutageStage) -> Path:
    path = stage.folder / "config.toml"
    path.write_text(
        f'[workspace]\nurl = "{stage.simulator.url}"\nuser_id = "{stage.people.bot.id}"\n'
        f'auth_token = "{stage.people.bot_token}"\n'
        '\n[web]\npublic_url = "http://127.0.0.1:0"\nport = 0\n'
        f'\n[storage]\nurl = "sqlite:///{stage.folder / "bot.db"}"\n'
        '\n[log]\nformat = "json"\n'
    )
    return path


@asynccontextmanager
async def start(stage: OutageStage) -> AsyncIterator[Process]:
    config = str(write_config(stage))
    process = await asyncio.create_subprocess_exec(PROGRAM, "run", "--config", config, stderr=PIPE)
    reading = asyncio.create_task(read_until(process, "listening"))
    try:
        async with asyncio.timeout(DEADLINE):
            await reading
        yield process
    finally:
        reading.cancel()
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def read_until(process: Process, words: str) -> None:
    assert process.stderr is not None
    while words.encode() not in (line := await process.stderr.readline()):
        assert line, "it ended"


async def expect_once(guest: Guest, *names: str) -> None:
    async with asyncio.timeout(DEADLINE):
        await guest.wait_for_answers(*names)
    await guest.expect_nothing_more()


async def test_killed_between_sending_an_answer_and_noting_it_it_says_nothing_twice(
    stage: OutageStage,
) -> None:
    alice = stage.invite("alice")
    async with start(stage) as process:

        def kill(event: Event) -> None:
            is_answer = isinstance(event, MessageStored) and "command one" in event.message["msg"]
            if is_answer and process.returncode is None:
                process.kill()

        stage.simulator.workspace.subscribe(kill)
        alice.ask("one", "two")
        async with asyncio.timeout(DEADLINE):
            await process.wait()
    async with start(stage):
        await expect_once(alice, "one", "two")


async def test_killed_before_it_could_answer_it_answers_when_it_comes_back(
    stage: OutageStage,
) -> None:
    alice, bob = stage.invite("alice"), stage.invite("bob")
    async with start(stage) as process:
        stage.simulator.faults.delay_answer("rooms.info", 60)
        alice.ask("one", "two")
        await stage.wait_for_call("rooms.info")
        process.kill()
        await process.wait()
    alice.ask("three")
    bob.ask("four")
    async with start(stage):
        # Whose work was not interrupted does not wait for the claims of the dead to end.
        async with asyncio.timeout(10):
            await bob.wait_for_answers("four")
        await expect_once(alice, "one", "two", "three")


async def test_killed_again_and_again_it_answers_everybody_once_and_in_order(
    stage: OutageStage,
) -> None:
    guests = [stage.invite(f"guest{number}") for number in range(4)]
    said = 0
    for _ in range(4):
        async with start(stage) as process:
            for _ in range(10):
                for guest in guests:
                    guest.ask(f"n{said}")
                said += 1
                await asyncio.sleep(0.01)
            process.kill()
            await process.wait()
    async with start(stage):
        for guest in guests:
            await expect_once(guest, *(f"n{number}" for number in range(said)))


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
async def test_a_stop_by_signal_ends_well_and_leaves_nothing_undone(
    stage: OutageStage, how: signal.Signals
) -> None:
    alice = stage.invite("alice")
    async with start(stage) as process:
        stage.simulator.faults.delay_answer("rooms.info", 2)
        alice.ask("one")
        await stage.wait_for_call("rooms.info")
        process.send_signal(how)
        # What is in hand is finished by this process; what comes later is the next one's.
        await alice.wait_for_answers("one")
        async with asyncio.timeout(15):
            assert await process.wait() == 0
        assert process.stderr is not None
        assert b"Traceback" not in await process.stderr.read()
    alice.ask("two")
    async with start(stage):
        await expect_once(alice, "one", "two")
