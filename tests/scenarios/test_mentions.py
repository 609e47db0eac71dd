"""Mentions in rooms that others read, and everything that is no call at all."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from rocketchat_simulator.person import Json
from tests.support.stage import VERSIONS, Conversation, Stage, open_stage

FIREFOX = "hQ7rXk2Zs9TtYw3Ab"
NOTICE = "I have answered you in a direct message."


@pytest.fixture(params=VERSIONS)
async def stage(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stage]:
    async with open_stage(tmp_path, request.param) as opened:
        yield opened


@pytest.fixture
async def alice(stage: Stage) -> Conversation:
    return await stage.meet_connected("alice")


async def hear_from_bot(alice: Conversation, room_id: str) -> Json:
    while True:
        message = await alice.person.hear(room_id)
        if message["u"]["username"] == "sessions":
            return message


@pytest.mark.parametrize("kind", ["channel", "private group", "group message"])
async def test_a_mention_is_answered_in_private_with_a_line_in_its_thread(
    stage: Stage, alice: Conversation, kind: str
) -> None:
    workspace, people = stage.simulator.workspace, stage.people
    if kind == "group message":
        room_id = await alice.person.open_direct_room("sessions", "bob")
    else:
        members = [people.alice, people.bob, people.bot]
        room_id = workspace.make_channel("team", members, is_private=kind != "channel").id
    said = await alice.person.say(room_id, f"@sessions session {FIREFOX}")
    assert (await alice.hear()).startswith("Firefox 131")
    notice = await hear_from_bot(alice, room_id)
    assert notice["msg"] == NOTICE
    assert notice["tmid"] == said["_id"]
    assert not notice.get("attachments")


async def test_a_mention_in_a_thread_is_noticed_in_that_thread(alice: Conversation) -> None:
    room_id = "GENERAL"
    root = await alice.person.say(room_id, "thread root")
    await alice.person.say(room_id, f"@sessions !session {FIREFOX}", tmid=root["_id"])
    assert (await alice.hear()).startswith("Firefox 131")
    assert (await hear_from_bot(alice, room_id))["tmid"] == root["_id"]


@pytest.mark.parametrize(
    "text", [f"!session {FIREFOX}", "@all session 2", "@here !session 2", "sessions session 2"]
)
async def test_what_does_not_mention_the_bot_is_not_for_it(alice: Conversation, text: str) -> None:
    await alice.person.say("GENERAL", text)
    await alice.expect_silence()


async def test_a_public_channel_that_the_bot_is_not_in_stays_unanswered(
    stage: Stage, alice: Conversation
) -> None:
    workspace, people = stage.simulator.workspace, stage.people
    elsewhere = workspace.make_channel("elsewhere", [people.alice, people.bob])
    workspace.say(people.alice, elsewhere, "!session 2")
    await alice.expect_silence()


async def test_copies_and_machines_never_run_a_command(stage: Stage, alice: Conversation) -> None:
    workspace, people = stage.simulator.workspace, stage.people
    room = stage.room(alice)
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
    room = stage.room(alice)
    for _ in range(3):
        workspace.say(people.alice, room, "", t="e2e", content={"ciphertext": "x"})
    assert "This room is encrypted" in await alice.hear()
    await alice.expect_silence()


async def test_two_bots_that_answer_each_other_come_to_rest(
    stage: Stage, alice: Conversation
) -> None:
    workspace = stage.simulator.workspace
    for number in range(30):
        workspace.say(stage.people.alice, stage.room(alice), f"!help {number}")
    assert 15 <= await count_until_silent(alice) <= 20


async def count_until_silent(alice: Conversation) -> int:
    heard = 0
    while True:
        try:
            await alice.hear(seconds=2)
        except TimeoutError:
            return heard
        heard += 1


async def test_the_bot_shows_that_it_is_typing(stage: Stage, alice: Conversation) -> None:
    await alice.person.watch_activity(alice.room_id)
    stage.simulator.faults.delay_answer("sessions/info", 1.0)
    await alice.ask(f"!session {FIREFOX}")
    await alice.ask(f"!session {FIREFOX}")
    assert ["sessions", ["user-typing"]] in [each[:2] for each in alice.person.activities]
    assert ["sessions", []] in [each[:2] for each in alice.person.activities]
