"""Buttons below the words: each says a command, and means later what it meant when it was shown."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.config import BotSettings
from bot.demo.demo import find_link, format_as_text
from rocketchat_simulator.demo.devices import FIREFOX_WINDOWS
from rocketchat_simulator.person import Json, find_buttons
from tests.support.people import Conversation
from tests.support.stage import Stage, on_each_version, open_stage

START = datetime(2027, 1, 15, 18, 0, tzinfo=UTC)
INTERVAL = timedelta(minutes=5)
FIREFOX = "hQ7rXk2Zs9TtYw3Ab"
PHONE = "Wm4pLzJ8cRdEoXv6T"
NO_LONGER_OPEN = "That question is no longer open."


@pytest.fixture
async def stage(version: str, tmp_path: Path) -> AsyncIterator[Stage]:
    async with open_stage(tmp_path, version, start=START) as opened:
        yield opened


@pytest.fixture
async def alice(stage: Stage) -> Conversation:
    return await stage.meet_connected("alice")


@pytest.fixture
async def alert(stage: Stage, alice: Conversation) -> Json:
    return await cause_alert(stage, alice, "192.0.2.99")


async def cause_alert(stage: Stage, alice: Conversation, *addresses: str) -> Json:
    await alice.ask("!alerts on")
    for address in addresses:
        stage.sign_in(ip=address)
    await stage.clock.pass_to(stage.clock.now() + INTERVAL)
    return await alice.hear_message()


def texts_by_label(message: Json) -> dict[str, str]:
    """Return what each button says or opens."""
    return {each["text"]: each.get("url") or each["msg"] for each in find_buttons(message)}


def is_signed_in(stage: Stage, address: str) -> bool:
    rows = stage.simulator.workspace.sessions.rows_of(stage.people.alice)
    return any(row.get("ip") == address and not row.get("logoutAt") for row in rows)


@on_each_version
async def test_buttons_are_stored_as_a_real_server_stored_them(stage: Stage, alert: Json) -> None:
    session_id = stage.simulator.workspace.sessions.rows_of(stage.people.alice)[-1]["sessionId"]
    words, buttons = alert["attachments"]
    # In the mobile app, an attachment with buttons shows no fields.
    assert words["fields"]
    assert "actions" not in words
    assert buttons == {
        "color": words["color"],
        "ts": words["ts"],
        "button_alignment": "horizontal",
        "actions": [
            {
                "type": "button",
                "text": label,
                "msg": text,
                "msg_in_chat_window": True,
                "msg_processing_type": "sendMessage",
            }
            for label, text in (
                ("Sign it out", f"!logout device {session_id}"),
                ("It was me", f"!known {session_id}"),
            )
        ],
    }


@on_each_version
async def test_an_alert_signs_out_its_device_whatever_the_numbers_mean_by_then(
    stage: Stage, alice: Conversation, alert: Json
) -> None:
    stage.sign_in(FIREFOX_WINDOWS, "198.51.100.200")
    assert "1: *Firefox 131" in await alice.ask("!logout others")  # it numbers the devices again
    stage.sign_in(ip="192.0.2.99")  # the intruder signs in again
    question = await alice.press(alert, "Sign it out")
    assert question["msg"] == "Sign out this device: Chrome 113 on Windows 10 or 11?"
    assert "This signs out all 2 of its sessions." in format_as_text(question)
    done = await alice.press(question, "Confirm")
    assert done["msg"].startswith("Signed out: Chrome 113 on Windows 10 or 11")
    assert not is_signed_in(stage, "192.0.2.99")
    assert is_signed_in(stage, "198.51.100.200")


@on_each_version
async def test_a_second_press_says_plainly_that_it_is_done(
    alice: Conversation, alert: Json
) -> None:
    question = await alice.press(alert, "Sign it out")
    await alice.press(question, "Confirm")
    assert NO_LONGER_OPEN in (await alice.press(question, "Confirm"))["msg"]
    assert "Which session?" in await alice.ask("!logout device")
    again = await alice.press(alert, "Sign it out")
    assert again["msg"] == "Chrome 113 on Windows 10 or 11 is already signed out."
    assert find_buttons(again) == []


@on_each_version
async def test_it_was_me_takes_the_device_for_known(
    stage: Stage, alice: Conversation, alert: Json
) -> None:
    assert "NEW · " in await alice.ask("!logout others")
    noted = await alice.press(alert, "It was me")
    assert noted["msg"] == "Noted: Chrome 113 on Windows 10 or 11 is yours."
    assert "NEW · " not in await alice.ask("!logout others")
    again = await alice.press(alert, "It was me")
    assert again["msg"] == "I already know that Chrome 113 on Windows 10 or 11 is yours."
    assert is_signed_in(stage, "192.0.2.99")


@on_each_version
async def test_known_can_be_typed_with_a_number_before_any_alert(
    stage: Stage, alice: Conversation
) -> None:
    assert "`!alerts on`" in await alice.ask("!known 1")
    await alice.ask("!alerts on")
    stage.sign_in()
    await alice.ask("!logout Zr8uDe6MxCjP2vNqY")  # empties the cache of sessions
    await alice.ask("!confirm")
    assert "1: *Chrome 113" in await alice.ask("!sessions")
    assert (await alice.ask("!known 1")).startswith("Noted: Chrome 113")
    await stage.clock.pass_to(stage.clock.now() + INTERVAL)
    await alice.expect_silence()
    assert "Which device is yours?" in await alice.ask("!known")


@on_each_version
async def test_each_of_several_new_devices_has_its_own_buttons(
    stage: Stage, alice: Conversation
) -> None:
    alert = await cause_alert(stage, alice, "192.0.2.99", "198.18.0.1")
    _, first, second = alert["attachments"]
    assert [each["text"] for each in first["actions"]] == ["Sign out 1", "1 was me"]
    assert [each["text"] for each in second["actions"]] == ["Sign out 2", "2 was me"]
    assert "1: *Chrome 113" in format_as_text(alert)
    question = await alice.press(alert, "Sign out 1")
    await alice.press(question, "Confirm")
    [gone, left] = sorted(("192.0.2.99", "198.18.0.1"), key=lambda ip: is_signed_in(stage, ip))
    assert not is_signed_in(stage, gone)
    assert is_signed_in(stage, left)
    assert f"`{gone}`" in format_as_text(alert).split("\n  2: ")[0]


@on_each_version
async def test_a_button_confirms_only_the_question_that_it_stands_under(
    stage: Stage, alice: Conversation
) -> None:
    older = await alice.ask_for_message(f"!logout {FIREFOX}")
    newer = await alice.ask_for_message("!forget")
    refused = await alice.press(older, "Confirm")
    assert refused["msg"].startswith(NO_LONGER_OPEN)
    assert is_signed_in(stage, "203.0.113.7")
    erased = await alice.press(newer, "Confirm")
    assert erased["msg"].startswith("I have erased everything")


@on_each_version
async def test_a_button_in_a_thread_is_answered_in_the_thread(alice: Conversation) -> None:
    root = await alice.say("Is anybody there?")
    await alice.hear()
    await alice.say(f"!logout {FIREFOX}", tmid=root["_id"])
    question = await alice.hear_message()
    done = await alice.press(question, "Confirm")
    assert done["tmid"] == root["_id"]
    assert done["msg"] == "Signed out: Firefox 131 on Windows 10 or 11."


@on_each_version
async def test_the_link_to_connect_is_a_button_where_the_link_itself_is(stage: Stage) -> None:
    alice = await stage.meet("alice")
    group = await alice.person.open_direct_room("bob", stage.people.bot.username)
    await alice.person.say(group, f"@{stage.people.bot.username} sessions")
    invitation = await alice.hear_message()
    assert texts_by_label(invitation) == {
        "Connect": find_link({"msg": invitation["attachments"][0]})
    }
    notice = await alice.person.hear(group)
    assert find_buttons(notice) == []
    assert "/connect/" not in str(notice)


@on_each_version
async def test_more_goes_through_a_long_list(stage: Stage, alice: Conversation) -> None:
    for number in range(19):
        stage.sign_in(ip=f"192.0.2.{number}")
    page = await alice.ask_for_message("!sessions 192.0.2")
    assert texts_by_label(page) == {"More": "!sessions 192.0.2 page 2"}
    assert "Page 1 of 2: `!sessions 192.0.2 page 2`" in format_as_text(page)
    last = await alice.press(page, "More")
    assert "Page 2 of 2" in format_as_text(last)
    assert find_buttons(last) == []
    choice = await alice.ask_for_message("!logout others")
    assert "Page 2 of 3" in format_as_text(await alice.press(choice, "More"))
    accepted = await alice.ask_for_message("!alerts on")
    assert texts_by_label(accepted) == {"More": "!sessions page 2"}


@on_each_version
async def test_a_scheduled_report_can_be_paused(alice: Conversation) -> None:
    assert find_buttons(await alice.ask_for_message("!report")) == []
    await alice.ask("!report daily 09:00")
    report = await alice.ask_for_message("!report")
    assert texts_by_label(report) == {"Pause for 2 weeks": "!report pause 2w"}
    assert "`!report pause 2w`: no reports for two weeks" in format_as_text(report)
    first = await alice.press(report, "Pause for 2 weeks")
    assert first["msg"].startswith("No reports until Fri 29 Jan 2027")
    assert (await alice.press(report, "Pause for 2 weeks"))["msg"] == first["msg"]
    await alice.ask("!report off")
    assert "no scheduled reports" in (await alice.press(report, "Pause for 2 weeks"))["msg"]


@on_each_version
async def test_somebody_else_who_says_the_same_changes_nothing(
    stage: Stage, alice: Conversation, alert: Json
) -> None:
    bob = await stage.meet_connected("bob")
    question = await alice.press(alert, "Sign it out")
    said = [*texts_by_label(alert).values(), *texts_by_label(question).values()]
    answers = [await bob.ask(text) for text in said]
    assert len(set(answers[:2])) == 1  # the same as for a session that does not exist
    assert await bob.ask(f"!known {'x' * 17}") == answers[0]
    assert is_signed_in(stage, "192.0.2.99")
    assert (await alice.press(question, "Confirm"))["msg"].startswith("Signed out")


@on_each_version
async def test_without_buttons_nothing_is_missing_in_the_words(
    version: str, tmp_path: Path
) -> None:
    bot = BotSettings(buttons=False, prefix="?")
    async with open_stage(tmp_path, version, start=START, bot=bot) as stage:
        alice = await stage.meet("alice")
        invitation = await alice.ask_for_message("?connect")
        await alice.paste_token(find_link(invitation))
        await alice.hear()
        await alice.say("?alerts on")
        await alice.hear()
        stage.sign_in()
        await stage.clock.pass_to(stage.clock.now() + INTERVAL)
        alert = await alice.hear_message()
        question = await alice.ask_for_message("?logout 1")
        for message in (invitation, alert, question):
            assert "actions" not in str(message)
        for words in ("`?logout 1`", "`?known 1`"):
            assert words in format_as_text(alert)
        assert "`?confirm`" in format_as_text(question)
        assert (await alice.ask("?confirm")).startswith("Signed out")


async def test_buttons_speak_with_the_prefix_and_the_language_of_the_person(tmp_path: Path) -> None:
    async with open_stage(tmp_path, start=START, bot=BotSettings(prefix="?")) as stage:
        bob = await stage.meet("bob")
        link = find_link(await bob.ask_for_message("?connect"))
        await bob.paste_token(link)
        await bob.hear()
        question = await bob.ask_for_message("?forget")
        [(label, text)] = texts_by_label(question).items()
        assert label == "Bestätigen"
        assert text.startswith("?confirm ")
        assert (await bob.press(question, label))["msg"].startswith("Ich habe alles gelöscht")
