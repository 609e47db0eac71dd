"""Mentions in rooms that others read, and messages that are not for the bot."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.delivery.reply_throttle import REPLIES_PER_MINUTE
from bot.storage.database import open_database
from rocketchat_simulator.person import Json
from tests.support.deadlines import DEADLINE_S
from tests.support.people import Conversation
from tests.support.stage import Stage, on_each_version, open_stage
from tests.support.stored import is_finished

FIREFOX = "hQ7rXk2Zs9TtYw3Ab"
NOTICE = "I have answered you in a direct message."


@pytest.fixture
async def stage(version: str, tmp_path: Path) -> AsyncIterator[Stage]:
    async with open_stage(tmp_path, version) as opened:
        yield opened


@pytest.fixture
async def alice(stage: Stage) -> Conversation:
    return await stage.meet_connected("alice")


async def hear_from_bot(alice: Conversation, room_id: str) -> Json:
    while True:
        message = await alice.person.hear(room_id, seconds=DEADLINE_S)
        if message["u"]["username"] == "sessions":
            return message


@on_each_version
async def test_a_mention_is_answered_in_private_with_a_line_in_its_thread(
    stage: Stage, alice: Conversation
) -> None:
    workspace, people = stage.simulator.workspace, stage.people
    members = [people.alice, people.bob, people.bot]
    rooms = [
        workspace.make_channel("team", members).id,
        workspace.make_channel("private team", members, is_private=True).id,
        await alice.person.open_direct_room("sessions", "bob"),
    ]
    for room_id in rooms:
        said = await alice.person.say(room_id, f"@sessions session {FIREFOX}")
        assert (await alice.hear()).startswith("Firefox 131")
        notice = await hear_from_bot(alice, room_id)
        assert notice["msg"] == NOTICE
        assert notice["tmid"] == said["_id"]
        assert not notice.get("attachments")


@on_each_version
async def test_a_mention_in_a_thread_is_noticed_in_that_thread(alice: Conversation) -> None:
    room_id = "GENERAL"
    root = await alice.person.say(room_id, "thread root")
    await alice.person.say(room_id, f"@sessions !session {FIREFOX}", tmid=root["_id"])
    assert (await alice.hear()).startswith("Firefox 131")
    assert (await hear_from_bot(alice, room_id))["tmid"] == root["_id"]


async def test_what_does_not_mention_the_bot_is_not_for_it(alice: Conversation) -> None:
    for text in (f"!session {FIREFOX}", "@all session 2", "@here !session 2", "sessions session 2"):
        await alice.person.say("GENERAL", text)
        await alice.expect_silence()


@on_each_version
async def test_a_public_channel_that_the_bot_is_not_in_stays_unanswered(
    stage: Stage, alice: Conversation
) -> None:
    workspace, people = stage.simulator.workspace, stage.people
    elsewhere = workspace.make_channel("elsewhere", [people.alice, people.bob])
    workspace.say(people.alice, elsewhere, "!session 2")
    await alice.expect_silence()


@on_each_version
async def test_copies_and_machines_never_run_a_command(stage: Stage, alice: Conversation) -> None:
    workspace, people = stage.simulator.workspace, stage.people
    room = stage.find_room(alice)
    said = workspace.say(people.alice, room, "!help session")
    assert (await alice.hear()).startswith("Show one of your sessions")
    workspace.react(people.alice, said, ":smile:", is_set=True)
    workspace.star(people.alice, said, is_set=True)
    workspace.edit(people.alice, said, "!help session now")
    workspace.say(people.alice, room, "!sessions", t="uj")
    workspace.say(people.alice, room, "!sessions", bot={"i": "integration"})
    workspace.say(people.alice, room, "!sessions", alias="Alias")
    await alice.expect_silence()


async def test_a_thread_under_a_command_does_not_run_it_again(alice: Conversation) -> None:
    general = "GENERAL"
    root = await alice.person.say(general, f"@sessions session {FIREFOX}")
    assert (await alice.hear()).startswith("Firefox 131")
    await alice.person.say(general, "thank you", tmid=root["_id"])
    await alice.expect_silence()


async def test_an_encrypted_message_gets_one_explanation(stage: Stage, alice: Conversation) -> None:
    workspace, people = stage.simulator.workspace, stage.people
    room = stage.find_room(alice)
    for _ in range(3):
        workspace.say(people.alice, room, "", t="e2e", content={"ciphertext": "x"})
    assert "This room is encrypted" in await alice.hear()
    await alice.expect_silence()


async def test_two_bots_that_answer_each_other_come_to_rest(stage: Stage) -> None:
    alice = stage.invite("alice")
    stage.begin_minute()
    questions = [alice.say(f"!help {number}") for number in range(30)]
    async with (
        asyncio.timeout(DEADLINE_S),
        open_database(stage.settings.storage.url) as database,
    ):
        for question in questions:
            while not await is_finished(database, question["_id"]):  # noqa: ASYNC110 - a table tells nobody
                await asyncio.sleep(0.02)
    # The last one says that this is too fast.
    assert 15 <= len(alice.replies) <= REPLIES_PER_MINUTE + 1


@on_each_version
async def test_the_bot_shows_that_it_is_typing(stage: Stage, alice: Conversation) -> None:
    await alice.person.watch_activity(alice.room_id)
    stage.simulator.faults.delay_answer("sessions/info", 1.0)
    await alice.ask(f"!session {FIREFOX}")
    await alice.ask(f"!session {FIREFOX}")
    assert ["sessions", ["user-typing"]] in [each[:2] for each in alice.person.activities]
    assert ["sessions", []] in [each[:2] for each in alice.person.activities]
