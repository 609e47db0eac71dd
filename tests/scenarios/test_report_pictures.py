from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.config import Settings
from bot.features.reports.schedule_rules import SPREAD
from tests.support.people import Conversation
from tests.support.stage import Stage, open_stage

CAPTION = "Your devices in the last 30 days"


def list_said(stage: Stage, conversation: Conversation) -> list[dict[str, Any]]:
    said = stage.simulator.workspace.messages.of(stage.find_room(conversation))
    return [message for message in said if message["u"]["_id"] == stage.people.bot.id]


def find_pictures(stage: Stage, conversation: Conversation) -> list[dict[str, Any]]:
    return [each for each in list_said(stage, conversation) if "file" in each]


def count_calls(stage: Stage, route: str) -> int:
    return sum(route in each.path for each in stage.simulator.requests)


async def hear_all(conversation: Conversation) -> None:
    """Ask for something else: one person's questions are answered in their order."""
    while not (await conversation.hear()).startswith("Show one of your sessions"):
        pass


async def finish(conversation: Conversation) -> None:
    await conversation.say("!help session")
    await hear_all(conversation)


@pytest.mark.parametrize("version", ["7.7", "8.3", "8.8"])
async def test_a_report_is_followed_by_one_picture(version: str, tmp_path: Path) -> None:
    async with open_stage(tmp_path, version, has_pictures=True) as stage:
        alice = await stage.meet_connected("alice")
        assert (await alice.ask("!report")).startswith("Your report: 9 devices")
        assert (await alice.hear()).startswith(CAPTION)
        await finish(alice)
        [picture] = find_pictures(stage, alice)
        upload = stage.simulator.workspace.uploads.find(picture["file"]["_id"])
        assert upload is not None
        assert upload.expires_at is None
        assert upload.file.content.startswith(b"\x89PNG")
        assert "tmid" not in picture


async def test_in_a_thread_the_picture_stands_there_too(tmp_path: Path) -> None:
    async with open_stage(tmp_path, has_pictures=True) as stage:
        alice = await stage.meet_connected("alice")
        root = await alice.say("Let us talk about reports.")
        await alice.hear()
        await alice.say("!report", tmid=root["_id"])
        await finish(alice)
        [picture] = find_pictures(stage, alice)
        assert picture["tmid"] == root["_id"]


async def test_with_few_devices_words_are_enough(tmp_path: Path) -> None:
    async with open_stage(tmp_path, has_pictures=True) as stage:
        workspace, bob = stage.simulator.workspace, stage.people.bob
        conversation = await stage.meet_connected("bob")
        for row in workspace.sessions.list(workspace.sessions.rows_of(bob))[1:]:
            workspace.logout_session(row["sessionId"], bob)
        await conversation.ask("!report")
        await conversation.say("!help session")
        await conversation.hear()
        assert count_calls(stage, "rooms.media") == 0


async def test_a_workspace_without_the_routes_gets_words_and_is_asked_once(tmp_path: Path) -> None:
    async with open_stage(tmp_path, "6.5", has_pictures=True) as stage:
        alice = await stage.meet_connected("alice")
        for _ in range(2):
            assert (await alice.ask("!report")).startswith("Your report")
            await finish(alice)
        assert count_calls(stage, "rooms.media") == 1
        assert find_pictures(stage, alice) == []


async def test_a_workspace_that_takes_no_files_gets_words(tmp_path: Path) -> None:
    async with open_stage(tmp_path, has_pictures=True) as stage:
        stage.simulator.workspace.uploads.is_enabled = False
        alice = await stage.meet_connected("alice")
        assert (await alice.ask("!report")).startswith("Your report")
        await finish(alice)
        assert count_calls(stage, "rooms.mediaConfirm") == 0


async def test_words_that_may_have_been_said_before_get_no_picture(tmp_path: Path) -> None:
    async with open_stage(tmp_path, has_pictures=True) as stage:
        alice = await stage.meet_connected("alice")
        stage.simulator.faults.lose_answer("chat.sendMessage")
        # In the workspace itself, so that only the bot's response is lost.
        stage.simulator.workspace.say(
            stage.people.alice, stage.find_room(alice), "!report", id="aQuestionOfAlice"
        )
        assert (await alice.hear()).startswith("Your report")
        await finish(alice)
        reports = [each for each in list_said(stage, alice) if each["msg"].startswith("Your rep")]
        assert len(reports) == 1
        assert count_calls(stage, "rooms.media") == 0


async def test_a_picture_whose_saying_is_in_doubt_is_not_said_again(tmp_path: Path) -> None:
    async with open_stage(tmp_path, has_pictures=True) as stage:
        alice = await stage.meet_connected("alice")
        await alice.ask("!report")
        await alice.hear()
        [first] = find_pictures(stage, alice)
        upload = stage.simulator.workspace.uploads.find(first["file"]["_id"])
        assert upload is not None
        stage.simulator.faults.lose_answer(f"rooms.media/{upload.room.id}")
        await alice.ask("!report")
        await finish(alice)
        assert count_calls(stage, "rooms.media/") == 2
        assert count_calls(stage, "rooms.mediaConfirm/") == 1
        assert len(find_pictures(stage, alice)) == 1


async def test_no_secret_gets_into_a_picture_or_its_message(tmp_path: Path) -> None:
    async with open_stage(tmp_path, has_pictures=True) as stage:
        alice = await stage.meet_connected("alice")
        await alice.ask("!report")
        await finish(alice)
        [picture] = find_pictures(stage, alice)
        upload = stage.simulator.workspace.uploads.find(picture["file"]["_id"])
        assert upload is not None
        shown = str(picture).encode() + upload.file.content
        secrets = stage.simulator.workspace.secrets()
        assert not [secret for secret in secrets if secret.encode() in shown]


def test_pictures_are_a_setting_that_is_on(tmp_path: Path) -> None:
    parts = {"url": "http://127.0.0.1:1", "user_id": "u", "auth_token": "t"}
    assert Settings(workspace=parts, _secrets_dir=tmp_path).reports.picture
    chosen = Settings(workspace=parts, reports={"picture": False}, _secrets_dir=tmp_path)
    assert not chosen.reports.picture


async def test_a_report_by_the_clock_has_its_picture_too(tmp_path: Path) -> None:
    async with open_stage(tmp_path, has_pictures=True) as stage:
        alice = await stage.meet_connected("alice")
        await alice.ask("!report daily 09:00")
        due = stage.clock.now().replace(hour=9, minute=0) + timedelta(days=1)
        stage.clock.move_to(due + SPREAD)
        assert (await alice.hear()).startswith("Your report")
        assert (await alice.hear()).startswith(CAPTION)
