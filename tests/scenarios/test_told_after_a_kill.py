"""What a killed bot had done but not told is told by the next one."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.deadlines import DEADLINE_S
from tests.support.programs import run_program, write_config
from tests.support.stage import Stage, open_stage

TOLD = "You are connected"


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with open_stage(tmp_path, bots=0) as opened:
        yield opened


async def wait_for_refused_send(stage: Stage) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not stage.simulator.faults.has_failed("chat.sendMessage"):  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.01)


async def test_somebody_who_connected_before_a_kill_is_told_and_answered_after_it(
    stage: Stage,
) -> None:
    alice = stage.invite("alice")
    config = write_config(stage.folder / "config.toml", stage.settings)
    async with run_program(config) as program:
        link = await alice.ask_for_link("!sessions")
        # It cannot send, and is then killed.
        stage.simulator.faults.fail_next("chat.sendMessage", status=503, times=1000)
        assert (await alice.fill_in(link)).status == 200
        await wait_for_refused_send(stage)
        await program.kill()
    stage.simulator.faults.clear()
    assert not any(TOLD in text for text in alice.texts)
    async with stage.run_bot():
        await alice.wait_for_text(TOLD)
        await alice.wait_for_text("devices are signed in as you")
        await alice.expect_nothing_more()
    async with stage.run_bot():
        alice.ask("later")
        await alice.wait_until(lambda guest: "later" in guest.answered)
        assert sum(TOLD in text for text in alice.texts) == 1
