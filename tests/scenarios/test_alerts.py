"""Alerts: loud for a device that was never seen, quiet for everything else."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from rocketchat_simulator import Document
from rocketchat_simulator.demo.devices import CHROME_WINDOWS, FIREFOX_WINDOWS
from tests.support.clock_stage import DEADLINE, Guest, House, open_alice, open_house, sign_in

START = datetime(2027, 1, 15, 18, 0, tzinfo=UTC)
INTERVAL = timedelta(minutes=5)
FIREFOX = "hQ7rXk2Zs9TtYw3Ab"


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(tmp_path, START) as opened:
        yield opened


@pytest.fixture
async def alice(house: House) -> AsyncIterator[Guest]:
    async with open_alice(house) as guest:
        yield guest


async def look_again(house: House) -> None:
    await house.clock.pass_to(house.clock.now() + INTERVAL)


async def hear_look(house: House, alice: Guest) -> str:
    await look_again(house)
    return await alice.hear(DEADLINE)


async def expect_quiet(house: House, alice: Guest, seen: int) -> None:
    """Prove that a look found nothing: the next thing heard is an alert for something else."""
    await look_again(house)
    sign_in(house, ip=f"198.18.{seen}.1")
    assert f"`198.18.{seen}.1`" in await hear_look(house, alice)


async def test_the_first_look_only_learns_and_says_how_often_the_next_ones_come(
    house: House, alice: Guest
) -> None:
    assert "`!alerts on` switches them on" in await alice.ask("!alerts")
    answer = await alice.ask("!alerts on")
    assert answer.startswith("Alerts are on: ")
    assert "I look again after: 5 minutes" in answer
    assert "Devices that I know: 9" in answer
    assert await alice.ask("!alerts") == answer
    await expect_quiet(house, alice, 1)


async def test_a_new_device_is_announced_once_with_what_to_do(house: House, alice: Guest) -> None:
    await alice.ask("!alerts on")
    sign_in(house)
    alert = await hear_look(house, alice)
    assert alert.startswith("New device: Chrome 113 on Windows 10 or 11, ")
    assert "from `192.0.2.99`, not seen before" in alert
    assert "Was that you? Then there is nothing to do." in alert
    assert "Not you?: `!logout 1` signs it out. Then change your password." in alert
    assert "`!logout others 3` signs out all of them but number 3, Firefox 131 on" in alert
    await expect_quiet(house, alice, 1)
    assert house.count_said("New device") == 2


async def test_what_the_alert_advises_works(house: House, alice: Guest) -> None:
    await alice.ask("!alerts on")
    sign_in(house)
    await hear_look(house, alice)
    assert (await alice.ask("!logout 1")).startswith("Sign out Chrome 113 on Windows 10 or 11?")
    assert await alice.ask("!confirm") == "Signed out 1 session."


async def test_a_look_that_finds_nothing_leaves_the_numbers_alone(
    house: House, alice: Guest
) -> None:
    await alice.ask("!alerts on")
    await alice.ask("!sessions")
    await alice.ask("!name 1 this script")
    sign_in(house, ip="203.0.113.77", device=FIREFOX_WINDOWS)
    await look_again(house)
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
    house: House, alice: Guest, version: str, ip: str
) -> None:
    await alice.ask("!alerts on")
    sign_in(house, FIREFOX_WINDOWS | {"version": version, "longVersion": version}, ip)
    await expect_quiet(house, alice, 1)


@pytest.mark.parametrize(
    ("device", "ip"),
    [
        (FIREFOX_WINDOWS, "192.0.2.200"),  # a known browser, or its token, somewhere else
        (CHROME_WINDOWS, "203.0.113.7"),  # another browser at home
        (FIREFOX_WINDOWS | {"os": {"name": "Linux", "version": "x86_64"}}, "203.0.113.7"),
    ],
)
async def test_program_system_and_network_together_make_a_device(
    house: House, alice: Guest, device: Document, ip: str
) -> None:
    await alice.ask("!alerts on")
    sign_in(house, device, ip)
    assert (await hear_look(house, alice)).startswith("New device: ")


async def test_a_device_with_a_name_stays_quiet_when_it_comes_back(
    house: House, alice: Guest
) -> None:
    assert "is now “desk”" in await alice.ask(f"!name {FIREFOX} desk")
    house.simulator.workspace.logout_session(FIREFOX, house.alice)
    await alice.ask("!alerts on")
    sign_in(house, FIREFOX_WINDOWS, "203.0.113.7")
    await expect_quiet(house, alice, 1)


async def test_several_new_devices_are_one_alert(house: House, alice: Guest) -> None:
    await alice.ask("!alerts on")
    sign_in(house, ip="192.0.2.99")
    sign_in(house, ip="198.18.0.1")
    alert = await hear_look(house, alice)
    assert alert.startswith("2 new devices are signed in as you")
    assert "`192.0.2.99`" in alert
    assert "`198.18.0.1`" in alert


async def test_a_report_does_not_swallow_an_alert(house: House, alice: Guest) -> None:
    await alice.ask("!alerts on")
    await alice.ask("!report")
    sign_in(house)
    await alice.ask("!logout Zr8uDe6MxCjP2vNqY")  # drops what was asked seconds ago
    await alice.ask("!confirm")
    assert "1 new device" in await alice.ask("!report")
    assert (await hear_look(house, alice)).startswith("New device: ")


async def test_off_forgets_and_on_learns_anew(house: House, alice: Guest) -> None:
    await alice.ask("!alerts on")
    assert "off" in await alice.ask("!alerts off")
    sign_in(house)
    await look_again(house)
    assert await alice.ask("!alerts off") == "Alerts are off already."
    assert "Devices that I know: 10" in await alice.ask("!alerts on")
    await expect_quiet(house, alice, 1)
    assert "Did you mean `!alerts off`?" in await alice.ask("!alerts of")


async def test_two_bots_on_one_database_alert_once(house: House, alice: Guest) -> None:
    await house.start_bot()
    await alice.ask("!alerts on")
    for number in range(3):
        await expect_quiet(house, alice, number)
    assert house.count_said("New device") == 3


async def test_alerts_go_on_after_a_restart(house: House, alice: Guest) -> None:
    await alice.ask("!alerts on")
    await house.stop_bots()
    sign_in(house)
    house.clock.move_to(START + timedelta(days=2))
    await house.start_bot()
    assert (await alice.hear(DEADLINE)).startswith("New device: ")


async def test_what_makes_looking_impossible_is_told_once(house: House, alice: Guest) -> None:
    await alice.ask("!alerts on")
    house.simulator.workspace.is_licensed = False
    told = await hear_look(house, alice)
    assert told.startswith("I cannot look for new devices of yours at present.")
    await look_again(house)
    house.simulator.workspace.is_licensed = True
    await expect_quiet(house, alice, 1)
    await alice.ask("!disconnect")
    told = await hear_look(house, alice)
    assert "`!connect` puts that right." in told
    assert house.count_said("I cannot look") == 2


async def test_without_a_licence_alerts_stay_off(house: House, alice: Guest) -> None:
    house.simulator.workspace.is_licensed = False
    assert "device management" in (await alice.ask("!alerts on")).casefold()
    assert "Alerts are off." in await alice.ask("!alerts")


async def test_a_workspace_that_is_down_delays_an_alert(house: House, alice: Guest) -> None:
    await alice.ask("!alerts on")
    sign_in(house)
    house.simulator.faults.fail_next("sessions/list", status=503, times=3)
    async with asyncio.timeout(DEADLINE):
        while not house.count_said("New device"):
            await look_again(house)
    assert (await alice.hear()).startswith("New device: ")
    assert house.count_said("New device") == 1
