"""Alerts: one for each new device, none for anything else."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from bot.app import open_vault
from bot.delivery.reply_sender import make_message_id
from bot.storage.database import open_database
from bot.storage.message_id_key import load_message_id_key
from rocketchat_simulator import Document
from rocketchat_simulator.demo.devices import CHROME_WINDOWS, FIREFOX_WINDOWS
from tests.support.deadlines import DEADLINE_S
from tests.support.people import Conversation
from tests.support.stage import Stage, open_stage

START = datetime(2027, 1, 15, 18, 0, tzinfo=UTC)
INTERVAL = timedelta(minutes=5)
FIREFOX = "hQ7rXk2Zs9TtYw3Ab"


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with open_stage(tmp_path, start=START) as opened:
        yield opened


@pytest.fixture
async def alice(stage: Stage) -> Conversation:
    return await stage.meet_connected("alice")


async def check_again(stage: Stage) -> None:
    await stage.clock.pass_to(stage.clock.now() + INTERVAL)


async def hear_after_check(stage: Stage, alice: Conversation) -> str:
    await check_again(stage)
    return await alice.hear()


async def expect_quiet(stage: Stage, alice: Conversation, seen: int) -> None:
    """Prove that a check found nothing: the next message is the alert for another device."""
    await check_again(stage)
    stage.sign_in(ip=f"198.18.{seen}.1")
    assert f"`198.18.{seen}.1`" in await hear_after_check(stage, alice)


async def test_the_first_look_only_learns_and_says_how_often_the_next_ones_come(
    stage: Stage, alice: Conversation
) -> None:
    assert "`!alerts on` turns them on" in await alice.ask("!alerts")
    answer = await alice.ask("!alerts on")
    assert answer.startswith("Alerts are on: ")
    assert "Checked every: 5 minutes" in answer
    assert "Known devices: 9" in answer
    status = await alice.ask("!alerts")
    assert answer.startswith(status)
    assert await alice.ask("!alerts on") == status
    await expect_quiet(stage, alice, 1)


async def test_what_is_taken_for_known_is_shown_and_can_be_signed_out(
    stage: Stage, alice: Conversation
) -> None:
    stage.sign_in(ip="203.0.113.66")  # before alerts are on: it will never cause one
    answer = await alice.ask("!alerts on")
    assert "I count these as yours" in answer
    assert "1: *Chrome 113 on Windows 10 or 11*" in answer
    assert "`203.0.113.66`" in answer
    assert "Firefox 131" in answer
    assert (await alice.ask("!logout 1")).startswith(
        "Sign out this device: Chrome 113 on Windows 10 or 11?"
    )


@pytest.mark.parametrize("way", ["alert", "report"])
async def test_others_are_never_signed_out_for_a_device_that_was_announced(
    stage: Stage, alice: Conversation, way: str
) -> None:
    own = FIREFOX_WINDOWS | {"version": "99.0", "longVersion": "99.0"}
    await alice.ask("!logout others 1")  # keeps the script that this test is
    await alice.ask("!confirm")
    stage.sign_in(own, "203.0.113.7")
    # It reads the list again; a report may show one of three seconds ago.
    await alice.ask("!logout others")
    await alice.ask("!alerts on" if way == "alert" else "!report")
    stage.clock.move_to(START + timedelta(days=2))
    stage.simulator.skew += timedelta(days=2)
    stage.sign_in()
    if way == "alert":
        assert (await hear_after_check(stage, alice)).startswith("New device: Chrome 113")
    else:
        await alice.ask("!logout others")
        assert "1 new device" in await alice.ask("!report")
    question = await alice.ask("!logout others")
    assert question.startswith("Sign out 2 other devices?")
    assert "Stays signed in: Firefox 99 on Windows" in question


async def test_a_new_device_is_announced_once_with_what_to_do(
    stage: Stage, alice: Conversation
) -> None:
    await alice.ask("!alerts on")
    stage.sign_in()
    alert = await hear_after_check(stage, alice)
    assert alert.startswith("New device: Chrome 113 on Windows 10 or 11, ")
    assert "from `192.0.2.99`, not seen before" in alert
    assert "Was that you? Then there is nothing to do." in alert
    assert "Not you?: `!logout all` is the safest: it signs out everything" in alert
    assert "you too. Then change your password." in alert
    assert "`!logout 1` signs out only this device." in alert
    await expect_quiet(stage, alice, 1)
    assert stage.count_said("New device") == 2


async def test_what_the_alert_advises_works(stage: Stage, alice: Conversation) -> None:
    await alice.ask("!alerts on")
    stage.sign_in()
    await hear_after_check(stage, alice)
    assert (await alice.ask("!logout 1")).startswith(
        "Sign out this device: Chrome 113 on Windows 10 or 11?"
    )
    assert await alice.ask("!confirm") == "Signed out: Chrome 113 on Windows 10 or 11."


async def test_a_look_that_finds_nothing_leaves_the_numbers_alone(
    stage: Stage, alice: Conversation
) -> None:
    await alice.ask("!alerts on")
    await alice.ask("!sessions")
    await alice.ask("!name 1 this script")
    stage.sign_in(ip="203.0.113.77", device=FIREFOX_WINDOWS)
    await check_again(stage)
    assert (await alice.ask("!session 2")).startswith("Firefox 131 on Windows 10 or 11")
    assert "203.0.113.7`" in await alice.ask("!session 2")


@pytest.mark.parametrize(
    ("version", "ip"),
    [
        ("131.0", "203.0.113.7"),  # signed in again
        ("131.0", "203.0.113.200"),  # another address of the same network
        ("132.0", "203.0.113.7"),  # updated
    ],
)
async def test_a_reconnect_or_an_update_is_no_new_device(
    stage: Stage, alice: Conversation, version: str, ip: str
) -> None:
    await alice.ask("!alerts on")
    stage.sign_in(FIREFOX_WINDOWS | {"version": version, "longVersion": version}, ip)
    await expect_quiet(stage, alice, 1)


@pytest.mark.parametrize(
    ("device", "ip"),
    [
        (FIREFOX_WINDOWS, "192.0.2.200"),  # a known browser, or its token, somewhere else
        (CHROME_WINDOWS, "203.0.113.7"),  # another browser at home
        (FIREFOX_WINDOWS | {"os": {"name": "Linux", "version": "x86_64"}}, "203.0.113.7"),
    ],
)
async def test_program_system_and_network_together_make_a_device(
    stage: Stage, alice: Conversation, device: Document, ip: str
) -> None:
    await alice.ask("!alerts on")
    stage.sign_in(device, ip)
    assert (await hear_after_check(stage, alice)).startswith("New device: ")


async def test_a_device_with_a_name_stays_quiet_when_it_comes_back(
    stage: Stage, alice: Conversation
) -> None:
    assert "is now “desk”" in await alice.ask(f"!name {FIREFOX} desk")
    stage.simulator.workspace.logout_session(FIREFOX, stage.people.alice)
    await alice.ask("!alerts on")
    stage.sign_in(FIREFOX_WINDOWS, "203.0.113.7")
    await expect_quiet(stage, alice, 1)


async def test_several_new_devices_are_one_alert(stage: Stage, alice: Conversation) -> None:
    await alice.ask("!alerts on")
    stage.sign_in(ip="192.0.2.99")
    stage.sign_in(ip="198.18.0.1")
    alert = await hear_after_check(stage, alice)
    assert alert.startswith("2 new devices are signed in as you")
    assert "`192.0.2.99`" in alert
    assert "`198.18.0.1`" in alert


async def test_a_report_does_not_swallow_an_alert(stage: Stage, alice: Conversation) -> None:
    await alice.ask("!alerts on")
    await alice.ask("!report")
    stage.sign_in()
    await alice.ask("!logout Zr8uDe6MxCjP2vNqY")  # empties the cache of sessions
    await alice.ask("!confirm")
    assert "1 new device" in await alice.ask("!report")
    assert (await hear_after_check(stage, alice)).startswith("New device: ")


async def test_off_forgets_and_on_learns_anew(stage: Stage, alice: Conversation) -> None:
    await alice.ask("!alerts on")
    assert "off" in await alice.ask("!alerts off")
    stage.sign_in()
    await check_again(stage)
    assert await alice.ask("!alerts off") == "Alerts are already off."
    assert "Known devices: 10" in await alice.ask("!alerts on")
    await expect_quiet(stage, alice, 1)
    assert "Did you mean `!alerts off`?" in await alice.ask("!alerts of")


async def test_two_bots_on_one_database_alert_once(stage: Stage, alice: Conversation) -> None:
    await stage.start_bot()
    await alice.ask("!alerts on")
    for number in range(3):
        await expect_quiet(stage, alice, number)
    assert stage.count_said("New device") == 3


async def test_alerts_go_on_after_a_restart(stage: Stage, alice: Conversation) -> None:
    await alice.ask("!alerts on")
    await stage.stop_bots()
    stage.sign_in()
    stage.clock.move_to(START + timedelta(days=2))
    await stage.start_bot()
    assert (await alice.hear()).startswith("New device: ")


async def test_what_makes_looking_impossible_is_told_once(
    stage: Stage, alice: Conversation
) -> None:
    await alice.ask("!alerts on")
    stage.simulator.workspace.is_licensed = False
    told = await hear_after_check(stage, alice)
    assert told.startswith("I can't check for new devices of yours at the moment.")
    await check_again(stage)
    stage.simulator.workspace.is_licensed = True
    await expect_quiet(stage, alice, 1)
    await alice.ask("!disconnect")
    told = await hear_after_check(stage, alice)
    assert "`!connect` fixes that." in told
    assert stage.count_said("I can't check") == 2


async def test_without_a_licence_alerts_stay_off(stage: Stage, alice: Conversation) -> None:
    stage.simulator.workspace.is_licensed = False
    assert "device management" in (await alice.ask("!alerts on")).casefold()
    assert "Alerts are off." in await alice.ask("!alerts")


async def test_a_workspace_that_is_down_delays_an_alert(stage: Stage, alice: Conversation) -> None:
    await alice.ask("!alerts on")
    stage.sign_in()
    stage.simulator.faults.fail_next("sessions/list", status=503, times=3)
    async with asyncio.timeout(DEADLINE_S):
        while not stage.count_said("New device"):
            await check_again(stage)
    assert (await alice.hear()).startswith("New device: ")
    assert stage.count_said("New device") == 1


@pytest.mark.parametrize(
    ("home", "elsewhere"),
    [
        ("198.51.100.4:50112", "192.0.2.99:61044"),
        ("::ffff:198.51.100.4", "::ffff:192.0.2.99"),
        ("[2001:db8:1::4]:50112", "[2001:db8:ffff::9]:61044"),
        ("198.51.100.4, 10.0.0.6", "192.0.2.99, 10.0.0.6"),
        ("198.51.100.4", "198.51.100.4, 192.0.2.99"),
        ("unknown", "hidden"),
    ],
)
async def test_a_known_device_elsewhere_is_announced_as_any_gateway_writes_it(
    stage: Stage, alice: Conversation, home: str, elsewhere: str
) -> None:
    stage.sign_in(ip=home)
    await alice.ask("!alerts on")
    stage.sign_in(ip=elsewhere)
    assert (await hear_after_check(stage, alice)).startswith("New device: Chrome 113 on Windows")


async def test_another_port_is_no_other_device(stage: Stage, alice: Conversation) -> None:
    stage.sign_in(ip="198.51.100.4:50112")
    stage.sign_in(ip="198.51.100.4:50113")
    assert "Chrome 113 on Windows 10 or 11 (×2)" in await alice.ask("!sessions")  # noqa: RUF001 - times
    await alice.ask("!alerts on")
    stage.sign_in(ip="198.51.100.4:61044")
    await expect_quiet(stage, alice, 1)


async def test_a_thief_who_posts_first_does_not_keep_an_alert_back(
    stage: Stage, alice: Conversation
) -> None:
    await alice.ask("!alerts on")
    stage.sign_in()
    workspace, people = stage.simulator.workspace, stage.people
    session_id = workspace.sessions.rows_of(people.alice)[-1]["sessionId"]
    # All that an id was derived from before it took a key, and with a key that everybody has.
    seeds = [people.bot.id, alice.room_id, f"alert {people.alice.id} {session_id}", "notice"]
    guesses = {
        hashlib.blake2b("\n".join(seeds).encode(), digest_size=12).hexdigest(),
        make_message_id(b"", *seeds),
    }
    for guess in guesses:
        await alice.say("!help session", _id=guess)
        await alice.hear()
    assert (await hear_after_check(stage, alice)).startswith("New device: ")


async def test_each_installation_derives_ids_with_a_key_of_its_own(tmp_path: Path) -> None:
    keys = set()
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        async with open_stage(folder) as stage:
            alice, bot = await stage.meet("alice"), stage.people.bot
            await alice.say("!help session", _id="question")
            await alice.hear()
            async with open_database(stage.settings.storage.url) as database:
                vault = await open_vault(database, stage.settings)
                key = await load_message_id_key(database, vault, SecretStr("none"))
            seeds = (bot.id, alice.room_id, "question", "answer")
            said = stage.simulator.workspace.messages.of(stage.find_room(alice))
            assert make_message_id(key, *seeds) in [each["_id"] for each in said]
        keys.add(key)
    assert len(keys - {b"none"}) == 2
