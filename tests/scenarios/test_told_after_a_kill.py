"""What had been done when the bot was killed, but not said, is said by the next one."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.demo.demo import find_link
from rocketchat_simulator import open_person
from tests.support.outage_stage import DEADLINE, Guest, OutageStage, open_outage_stage
from tests.support.storage_faults import run_program

TOLD = "You are connected"


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[OutageStage]:
    async with open_outage_stage(tmp_path) as opened:
        yield opened


async def fill_in(stage: OutageStage, guest: Guest, link: str) -> int:
    url, user = stage.simulator.url, guest.user
    async with open_person(url, user.username, user.password) as person:
        token = await person.make_personal_access_token("bot")
        return (await person.fill_in(link, user_id=user.id, token=token))[0]


async def wait_for_refused_send(stage: OutageStage) -> None:
    async with asyncio.timeout(DEADLINE):
        while not stage.simulator.faults.has_failed("chat.sendMessage"):  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.01)


async def test_whoever_connected_before_the_kill_is_told_after_it_and_answered(
    stage: OutageStage,
) -> None:
    alice = stage.invite("alice")
    async with run_program(stage.settings, stage.folder) as program:
        alice.say("!sessions")
        link = find_link({"msg": await alice.wait_for_text("/connect/")})
        # Where it would tell, nobody listens; and then it is no more.
        stage.simulator.faults.fail_next("chat.sendMessage", status=503, times=1000)
        assert await fill_in(stage, alice, link) == 200
        await wait_for_refused_send(stage)
        program.process.kill()
        await program.process.wait()
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
