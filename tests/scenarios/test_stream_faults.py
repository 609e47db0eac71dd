"""Messages are lost, repeated and reordered in the stream: each command is answered once."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from structlog.typing import EventDict

from rocketchat_simulator import Document
from tests.support.deadlines import DEADLINE_S
from tests.support.people import Guest
from tests.support.stage import VERSIONS, Stage, open_stage, tune

RESENDS = ("reaction", "star", "pin", "unpin", "preview", "receipt", "thread", "hook", "edit")
LONG_ENOUGH = timedelta(minutes=1)
"""A message is taken for lost, not late, after half of this; it is answered before."""


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with open_stage(tmp_path, bots=0) as opened:
        yield opened


def send_again(guest: Guest, message: Document, how: str) -> None:
    workspace = guest.simulator.workspace
    match how:
        case "reaction" | "star":
            act = workspace.react if how == "reaction" else workspace.star
            emoji = (":eyes:",) if how == "reaction" else ()
            act(guest.user, message, *emoji, is_set=True)
        case "pin" | "unpin":
            workspace.pin(guest.user, message, is_set=how == "pin")
        case "preview":
            workspace.preview_links(message)
        case "receipt":
            workspace.mark_read(message)
        case "thread":
            guest.say("🙂", thread_id=message["_id"])
        case "edit":
            workspace.edit(guest.user, message, "!edited")
        case _:
            workspace.publish_again(message)


@pytest.mark.parametrize("version", ["6.5", "8.3"])
async def test_what_is_sent_again_is_answered_once(tmp_path: Path, version: str) -> None:
    async with open_stage(tmp_path, version, bots=0) as stage, stage.run_bot():
        alice = stage.invite("alice")
        asked = [alice.say(f"!{how} https://example.org/", unread=True) for how in RESENDS]
        await alice.wait_for_answers(*RESENDS)
        for message, how in zip(asked, RESENDS, strict=True):
            send_again(alice, message, how)
            stage.simulator.workspace.publish_again(message)
        await alice.expect_nothing_more()


async def test_what_is_sent_again_while_it_is_worked_on_is_answered_once(
    stage: Stage,
) -> None:
    alice = stage.invite("alice")
    resends = [how for how in RESENDS if how != "edit"]
    async with stage.run_bot():
        stage.simulator.faults.delay_answer("chat.sendMessage", 0.3)
        asked = alice.ask("one")[0]
        await stage.wait_for_calls("rooms.info")
        for how in resends:
            send_again(alice, asked, how)
        await alice.wait_for_answers("one")
        await alice.expect_nothing_more()


async def test_what_is_delivered_twice_is_answered_once(stage: Stage) -> None:
    alice, bob = stage.invite("alice"), stage.invite("bob")
    async with stage.run_bot():
        stage.simulator.realtime.repeat_messages(100)
        alice.ask("one", "two")
        bob.ask("three")
        await alice.wait_for_answers("one", "two")
        await bob.wait_for_answers("three")
        await alice.expect_nothing_more()


async def test_a_lost_message_is_answered_after_the_next_connection(stage: Stage) -> None:
    alice = stage.invite("alice")
    async with stage.run_bot():
        stage.simulator.realtime.lose_messages()
        alice.ask("lost")
        await asyncio.sleep(0.01)  # messages of one millisecond have no order
        stage.simulator.realtime.clear_faults()
        await stage.simulator.realtime.drop_all()
        alice.ask("heard")
        await alice.wait_for_answers("lost", "heard")
        await alice.expect_nothing_more()


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_lost_message_is_answered_even_if_the_connection_lasts(
    tmp_path: Path, version: str
) -> None:
    async with open_stage(tmp_path, version, bots=0) as stage:
        alice = stage.invite("alice")
        async with stage.run_bot(tune(recheck_every_s=0.2)):
            stage.simulator.realtime.lose_messages()
            alice.ask("lost")
            await alice.wait_for_answers("lost")
            stage.simulator.realtime.clear_faults()
            alice.ask("heard")
            await alice.wait_for_answers("lost", "heard")
            await alice.expect_nothing_more()


async def test_a_room_that_has_not_changed_is_read_once(stage: Stage) -> None:
    alice = stage.invite("alice")
    async with stage.run_bot(tune(recheck_every_s=0.1)):
        alice.ask("one")
        await alice.wait_for_answers("one")
        stage.simulator.skew += timedelta(seconds=2)
        await stage.wait_for_calls("rooms.get", stage.count_calls("rooms.get") + 2)
        stage.simulator.requests.clear()
        await stage.wait_for_calls("rooms.get", 3)
        assert stage.count_calls("im.history") == 0
        await alice.expect_nothing_more()


async def test_a_message_that_was_lost_before_a_restart_is_answered_after_it(stage: Stage) -> None:
    alice = stage.invite("alice")
    async with stage.run_bot():
        stage.simulator.realtime.lose_messages()
        alice.ask("lost")
        stage.simulator.realtime.clear_faults()
        # Later than the overlap reaches back.
        stage.simulator.skew += timedelta(minutes=5)
        alice.ask("heard")
        await alice.wait_for_answers("heard")
    async with stage.run_bot():
        await alice.wait_for_answers("heard", "lost")
        await alice.expect_nothing_more()


@pytest.mark.parametrize("is_streamer", [False, True])
async def test_lost_subscriptions_are_noticed_and_renewed(
    tmp_path: Path, is_streamer: bool
) -> None:
    with capture_logs() as logs:
        async with (
            open_stage(tmp_path, bots=0, is_streamer=is_streamer) as stage,
            stage.run_bot(tune(recheck_every_s=0.2)),
        ):
            alice = stage.invite("alice")
            stage.simulator.realtime.lose_subscriptions()
            alice.ask("unheard")
            await alice.wait_for_answers("unheard")
            stage.simulator.skew += LONG_ENOUGH
            await wait_for_connections(logs, 2)
            alice.ask("now")
            await alice.wait_for_answers("unheard", "now")
            assert stage.simulator.realtime.connections == 1


async def wait_for_connections(logs: list[EventDict], number: int) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while count_connections(logs) < number:  # noqa: ASYNC110 - a log tells nobody
            await asyncio.sleep(0.01)


def count_connections(logs: list[EventDict]) -> int:
    return sum(log["event"] == "listening" for log in logs)


async def test_a_connection_that_delivers_everything_is_kept(stage: Stage) -> None:
    alice = stage.invite("alice")
    with capture_logs() as logs:
        async with stage.run_bot(tune(recheck_every_s=0.05)):
            for name in ("one", "two", "three"):
                alice.ask(name)
                stage.simulator.skew += LONG_ENOUGH
            await alice.wait_for_answers("one", "two", "three")
            await stage.wait_for_calls("rooms.get", stage.count_calls("rooms.get") + 2)
            await alice.expect_nothing_more()
    assert count_connections(logs) == 1


async def test_messages_out_of_order_are_all_answered(stage: Stage) -> None:
    alice = stage.invite("alice")
    async with stage.run_bot():
        stage.simulator.realtime.hold_messages(2)
        alice.ask("one", "two", "three")
        await alice.wait_for_answers("three")
        stage.simulator.realtime.release_messages()
        await alice.wait_for_answers("three", "one", "two")
        await alice.expect_nothing_more()


async def test_messages_of_one_millisecond_are_all_answered(stage: Stage) -> None:
    alice, bob = stage.invite("alice"), stage.invite("bob")
    names = [f"n{number}" for number in range(5)]
    async with stage.run_bot():
        for is_cut_off in (False, True):
            if is_cut_off:
                await stage.cut_off()
            moment = stage.simulator.workspace.now()
            for name in names:
                for guest in (alice, bob):
                    guest.say(f"!{name}", ts=moment)
        for guest in (alice, bob):
            await guest.wait_until(lambda each: len(each.answered) >= 2 * len(names))
            assert sorted(guest.answered) == sorted(2 * names)
            await guest.expect_nothing_more()
