"""The connection breaks, the workspace restarts, is slow or has the wrong time: nothing is lost."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.errors import TokenRejectedError
from tests.support.deadlines import DEADLINE_S
from tests.support.stage import QUICKLY, VERSIONS, RunningBot, Stage, open_stage, tune


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with open_stage(tmp_path, bots=0) as opened:
        yield opened


@pytest.mark.parametrize("version", VERSIONS)
async def test_it_works_on_ddp_streamer(tmp_path: Path, version: str) -> None:
    async with (
        open_stage(tmp_path, version, bots=0, is_streamer=True) as stage,
        stage.run_bot(),
    ):
        alice = stage.invite("alice")
        alice.ask("one")
        await alice.wait_for_answers("one")
        await stage.cut_off()
        alice.ask("two")
        await alice.wait_for_answers("one", "two")
        await alice.expect_nothing_more()


@pytest.mark.parametrize("has_question", [False, True])
async def test_on_ddp_streamer_too_a_token_taken_away_ends_the_program(
    tmp_path: Path, has_question: bool
) -> None:
    async with open_stage(tmp_path, bots=0, is_streamer=True) as stage:
        alice = stage.invite("alice")
        # The connection stays open: an answer, or a check for lost messages, finds out.
        recheck = 60.0 if has_question else 0.2
        async with stage.run_bot(tune(recheck_every_s=recheck)) as running:
            stage.simulator.workspace.revoke_token(stage.people.bot_token)
            if has_question:
                alice.ask("one")
            await expect_rejection(running)


async def expect_rejection(running: RunningBot) -> None:
    async with asyncio.timeout(DEADLINE_S):
        await asyncio.wait([running.task])
    error = running.task.exception()
    assert isinstance(error, BaseExceptionGroup)
    assert error.subgroup(TokenRejectedError) is not None


async def test_a_401_from_a_gateway_while_catching_up_does_not_end_the_program(
    stage: Stage,
) -> None:
    alice = stage.invite("alice")
    async with stage.run_bot():
        body = '{"status": "error", "message": "You must be logged in to do this."}'
        stage.simulator.faults.fail_next(
            "rooms.get", status=401, body=body, content_type="application/json", times=2
        )
        await stage.simulator.realtime.drop_all()
        alice.ask("one")
        await alice.wait_for_answers("one")


@pytest.mark.parametrize("code", [1001, 1005, 1011, 1012, 4000])
async def test_however_it_is_closed_it_comes_back(stage: Stage, code: int) -> None:
    alice = stage.invite("alice")
    async with stage.run_bot():
        stage.simulator.realtime.close_all(code)
        alice.ask("one", "two")
        await alice.wait_for_answers("one", "two")
        await alice.expect_nothing_more()


@pytest.mark.parametrize("is_streamer", [False, True])
@pytest.mark.parametrize("version", VERSIONS)
async def test_a_half_open_connection_is_replaced(
    tmp_path: Path, version: str, is_streamer: bool
) -> None:
    async with (
        open_stage(tmp_path, version, bots=0, is_streamer=is_streamer) as stage,
        stage.run_bot(tune(ping_after_s=0.3, pong_timeout_s=0.3)),
    ):
        alice = stage.invite("alice")
        stage.simulator.realtime.hang()
        alice.ask("one", "two")
        await alice.wait_for_answers("one", "two")
        await alice.expect_nothing_more()


@pytest.mark.parametrize("seconds", [0.0, 0.5])
async def test_after_a_restart_of_the_workspace_it_hears_again(
    stage: Stage, seconds: float
) -> None:
    alice = stage.invite("alice")
    async with stage.run_bot():
        alice.ask("before")
        restarting = asyncio.create_task(stage.simulator.restart(seconds))
        alice.ask("meanwhile")
        await restarting
        alice.ask("after")
        await alice.wait_for_answers("before", "meanwhile", "after")
        await alice.expect_nothing_more()
        assert stage.simulator.realtime.connections == 1


@pytest.mark.parametrize("minutes", [-2, 2])
async def test_with_a_server_whose_clock_is_wrong_it_catches_up(
    tmp_path: Path, minutes: int
) -> None:
    async with open_stage(tmp_path, bots=0, skew=timedelta(minutes=minutes)) as stage:
        alice = stage.invite("alice")
        async with stage.run_bot():
            alice.ask("one")
            await alice.wait_for_answers("one")
            await stage.cut_off()
            alice.ask("two")
            await alice.wait_for_answers("one", "two")
        alice.ask("three")
        async with stage.run_bot():
            await alice.wait_for_answers("one", "two", "three")
            await alice.expect_nothing_more()


@pytest.mark.parametrize("minutes", [-2, 2])
async def test_with_a_server_whose_clock_is_put_right_it_catches_up(
    tmp_path: Path, minutes: int
) -> None:
    async with open_stage(tmp_path, bots=0, skew=timedelta(minutes=-minutes)) as stage:
        alice = stage.invite("alice")
        # Messages from before the first start are not answered.
        async with stage.run_bot():
            alice.ask("one")
            await alice.wait_for_answers("one")
        stage.simulator.skew += timedelta(minutes=10)
        async with stage.run_bot():
            stage.simulator.skew += timedelta(minutes=minutes)
            alice.ask("two")
            await alice.wait_for_answers("one", "two")
            await stage.cut_off()
            alice.ask("three")
            await alice.wait_for_answers("one", "two", "three")
            await alice.expect_nothing_more()


async def test_an_answer_that_the_workspace_never_acknowledges_is_sent_once(
    stage: Stage,
) -> None:
    alice, bob = stage.invite("alice"), stage.invite("bob")
    async with stage.run_bot(replace(QUICKLY, request_timeout_s=1.0)):
        stage.simulator.faults.hang("chat.sendMessage", times=2)
        alice.ask("one", "two")
        bob.ask("three")
        await alice.wait_for_answers("one", "two")
        await bob.wait_for_answers("three")
        await alice.expect_nothing_more()


async def test_a_slow_workspace_is_answered_in_order(stage: Stage) -> None:
    alice = stage.invite("alice")
    async with stage.run_bot():
        stage.simulator.faults.slowness = 0.2
        await stage.simulator.realtime.drop_all()
        alice.ask("one", "two", "three")
        await alice.wait_for_answers("one", "two", "three")
        await alice.expect_nothing_more()
