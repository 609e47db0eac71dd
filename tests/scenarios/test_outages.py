"""Messages while the bot is disconnected, not running or slow are answered once, in order."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.config import BotSettings
from tests.support.stage import Stage, open_stage

VERSIONS = ("6.5", "8.3", "8.8")


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with open_stage(tmp_path, bots=0) as opened:
        yield opened


@pytest.mark.parametrize("version", VERSIONS)
async def test_what_is_said_while_the_connection_is_down_is_answered_once_and_in_order(
    tmp_path: Path, version: str
) -> None:
    async with open_stage(tmp_path, version, bots=0) as stage, stage.run_bot():
        alice, bob = stage.invite("alice"), stage.invite("bob")
        alice.ask("before")
        await alice.wait_for_answers("before")
        await stage.cut_off()
        alice.ask("one", "two", "three")
        bob.ask("four", "five")
        await alice.wait_for_answers("before", "one", "two", "three")
        await bob.wait_for_answers("four", "five")
        await alice.expect_nothing_more()
        await bob.expect_nothing_more()


async def test_what_is_said_while_the_bot_is_not_there_is_answered_when_it_is(
    stage: Stage,
) -> None:
    alice = stage.invite("alice")
    async with stage.run_bot():
        alice.ask("before")
        await alice.wait_for_answers("before")
    alice.ask("one", "two")
    async with stage.run_bot():
        await alice.wait_for_answers("before", "one", "two")
        await alice.expect_nothing_more()


async def test_on_the_very_first_start_nothing_old_is_answered(stage: Stage) -> None:
    alice = stage.invite("alice")
    old = alice.ask("one")[0]
    stage.advance_workspace_clock(2)  # the workspace tells its time in whole seconds
    async with stage.run_bot():
        await alice.expect_nothing_more()
        stage.simulator.workspace.react(alice.user, old, ":smile:", is_set=True)
        await alice.wait_until(lambda guest: "afterwards" in guest.answered)
        assert alice.answered == ["afterwards"]


@pytest.mark.parametrize("version", VERSIONS)
async def test_threads_channels_and_groups_are_caught_up_on_too(
    tmp_path: Path, version: str
) -> None:
    async with open_stage(tmp_path, version, bots=0) as stage:
        alice = stage.invite("alice")
        workspace, bot = stage.simulator.workspace, stage.people.bot
        channel = workspace.make_channel("open", [alice.user, bot])
        group = workspace.make_channel("closed", [alice.user, bot], is_private=True)
        async with stage.run_bot():
            root = alice.say("!help session")
            await alice.wait_for_text("Show one of your sessions")
        name = bot.username
        alice.say(f"@{name} mentioned", channel)
        alice.say("!overheard", channel)
        stage.advance_workspace_clock(0.01)  # what is said at once in several rooms has no order
        alice.say(f"@{name} grouped", group)
        stage.advance_workspace_clock(0.01)
        alice.say("!threaded", thread_id=root["_id"])
        async with stage.run_bot():
            await alice.wait_for_answers("mentioned", "grouped", "threaded")
            threaded = [each for each in alice.replies.values() if "threaded" in each["msg"]]
            assert threaded[0]["tmid"] == root["_id"]
            await alice.expect_nothing_more()


async def test_copies_of_a_message_are_not_answered_again(stage: Stage) -> None:
    alice = stage.invite("alice")
    workspace = stage.simulator.workspace
    async with stage.run_bot():
        first = alice.ask("one")[0]
        await alice.wait_for_answers("one")
        for _ in range(3):
            workspace.react(alice.user, first, ":smile:", is_set=True)
            workspace.star(alice.user, first, is_set=True)
            workspace.messages.publish(first)
            await stage.cut_off(1)
        workspace.edit(alice.user, first, "!edited")
        await alice.expect_nothing_more()
    async with stage.run_bot():
        workspace.messages.publish(first)
        alice.ask("last")
        await alice.wait_for_answers("one", "afterwards", "last")


def move_checkpoint(folder: Path, hours: float) -> None:
    back = int(hours * 3600 * 1_000_000)
    with closing(sqlite3.connect(folder / "bot.db")) as database, database:
        database.execute(
            "UPDATE checkpoints SET received_until = received_until - ?,"
            " started_at = started_at - ?",
            (back, 2 * back),
        )
    database.close()


async def test_what_is_too_old_gets_one_line_per_room(stage: Stage) -> None:
    alice, bob = stage.invite("alice"), stage.invite("bob")
    async with stage.run_bot():
        pass
    move_checkpoint(stage.folder, 5)
    long_ago = datetime.now(UTC) - timedelta(hours=3)
    for minute in range(3):
        alice.say("!old", ts=long_ago + timedelta(minutes=minute))
    bob.say("good morning", ts=long_ago)
    recent = datetime.now(UTC) - timedelta(minutes=30)
    alice.say("!recent", ts=recent)
    for _ in range(2):
        async with stage.run_bot():
            await alice.wait_for_answers("recent")
    assert len(alice.texts) == 2
    assert "I was offline" in alice.texts[0]
    assert bob.texts == []


async def test_with_no_time_to_catch_up_the_missed_is_only_admitted(stage: Stage) -> None:
    alice = stage.invite("alice")
    own = BotSettings(catch_up_minutes=0)
    async with stage.run_bot(bot=own):
        pass
    missed = alice.ask("one")[0]
    stage.advance_workspace_clock(2)  # the workspace tells its time in whole seconds
    async with stage.run_bot(bot=own):
        await alice.wait_for_text("I was offline")
        stage.simulator.workspace.react(alice.user, missed, ":smile:", is_set=True)
        await alice.expect_nothing_more()


async def test_an_answer_is_kept_until_the_workspace_takes_it(stage: Stage) -> None:
    alice, bob = stage.invite("alice"), stage.invite("bob")
    async with stage.run_bot():
        stage.simulator.faults.fail_next("chat.sendMessage", status=503, times=7)
        alice.ask("one", "two")
        await alice.wait_for_answers("one", "two")
        bob.ask("three")
        await bob.wait_for_answers("three")
        await alice.expect_nothing_more()


async def test_an_answer_whose_sending_is_in_doubt_is_sent_once(stage: Stage) -> None:
    alice = stage.invite("alice")
    async with stage.run_bot():
        stage.simulator.faults.lose_answer("chat.sendMessage", times=2)
        alice.ask("one", "two")
        await alice.wait_for_answers("one", "two")
        await alice.expect_nothing_more()


async def test_catching_up_is_tried_again_when_the_workspace_fails_in_it(
    stage: Stage,
) -> None:
    alice = stage.invite("alice")
    async with stage.run_bot():
        pass
    alice.ask("one", "two")
    for route in ("rooms.get", "im.history", "channels.history"):
        stage.simulator.faults.fail_next(route, status=502, times=5)
    async with stage.run_bot():
        await alice.wait_for_answers("one", "two")


async def test_more_than_a_page_is_caught_up_on(stage: Stage) -> None:
    names = [f"n{number}" for number in range(230)]
    alice = stage.invite("alice")
    async with stage.run_bot():
        pass
    now = datetime.now(UTC)
    for number, name in enumerate(names):
        alice.say(f"!{name}", ts=now + timedelta(seconds=4 * (number - len(names))))
    move_checkpoint(stage.folder, 0.5)
    async with stage.run_bot():
        await alice.wait_for_answers(*names)


async def test_only_rooms_that_changed_are_read(stage: Stage) -> None:
    guests = [stage.invite(f"guest{number}") for number in range(20)]
    async with stage.run_bot():
        for guest in guests:
            guest.ask("hello")
        for guest in guests:
            await guest.wait_for_answers("hello")
    move_checkpoint(stage.folder, -0.1)  # past the overlap that is read again
    stage.simulator.requests.clear()
    async with stage.run_bot():
        pass
    paths = [request.path for request in stage.simulator.requests]
    assert not [path for path in paths if path.endswith(".history")]


async def test_a_room_that_is_gone_does_not_stop_the_catching_up(stage: Stage) -> None:
    alice = stage.invite("alice")
    async with stage.run_bot():
        pass
    alice.ask("one")
    stage.simulator.faults.fail_next(
        "channels.history",
        status=400,
        body='{"success": false, "errorType": "error-room-not-found"}',
        content_type="application/json",
    )
    async with stage.run_bot():
        await alice.wait_for_answers("one")


@pytest.mark.parametrize("count", [2, 3])
async def test_several_bots_on_one_database_share_the_work(stage: Stage, count: int) -> None:
    guests = [stage.invite(f"guest{number}") for number in range(8)]
    names = [f"n{number}" for number in range(15)]

    async def talk() -> None:
        for number, name in enumerate(names):
            for guest in guests:
                guest.ask(name)
            # Some messages come while other bots start and stop.
            await guests[0].wait_for_number(number - 2)

    async with stage.run_bot():
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(talk())
            for _ in range(count - 1):
                async with stage.run_bot():
                    more = min(len(guests[0].answered) + 3, len(names))
                    await guests[0].wait_for_number(more)
        for guest in guests:
            await guest.wait_for_answers(*names)


async def test_a_stop_finishes_the_answers_that_are_being_given(stage: Stage) -> None:
    alice = stage.invite("alice")
    async with stage.run_bot() as running:
        stage.simulator.faults.delay_answer("rooms.info", 1.0)
        alice.ask("one")
        await stage.wait_for_calls("rooms.info")
        running.task.cancel()
        alice.ask("two")
        await asyncio.wait([running.task])
        assert alice.answered == ["one"]
    async with stage.run_bot():
        await alice.wait_for_answers("one", "two")
