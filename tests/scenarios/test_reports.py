"""Reports by the clock: what a person arranges, and when what comes."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from bot.features.reports.schedule_rules import SPREAD
from rocketchat_simulator.demo.devices import FIREFOX_WINDOWS
from tests.support.clock_stage import Guest, House, open_alice, open_house, sign_in

BERLIN = ZoneInfo("Europe/Berlin")
FRIDAY = datetime(2027, 1, 15, 12, 0, tzinfo=BERLIN)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
FIREFOX = "hQ7rXk2Zs9TtYw3Ab"


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(tmp_path, FRIDAY) as opened:
        yield opened


@pytest.fixture
async def alice(house: House) -> AsyncIterator[Guest]:
    async with open_alice(house) as guest:
        await guest.ask("!timezone Europe/Berlin")
        yield guest


# Now


async def test_a_report_is_compared_with_the_one_before(house: House, alice: Guest) -> None:
    first = await alice.ask("!report")
    assert first.startswith("Your report: 9 devices are signed in as you\n")
    assert "`!report daily 09:00` sends you one every day." in first
    house.clock.move_to(FRIDAY + HOUR)
    sign_in(house)
    house.simulator.workspace.logout_session("Wm4pLzJ8cRdEoXv6T", house.alice)
    sign_in(house, FIREFOX_WINDOWS | {"version": "132.0"}, "203.0.113.7")
    await alice.ask("!logout Zr8uDe6MxCjP2vNqY")  # drops what was asked seconds ago
    await alice.ask("!confirm")
    second = await alice.ask("!report")
    assert second.startswith("Your report: 1 new device, 1 changed, 1 gone, 10 in all")
    lines = second.splitlines()
    marked = [line for line in lines if line.startswith(("  NEW", "  CHANGED", "  GONE"))]
    assert [line.split()[0] for line in marked] == ["NEW", "CHANGED", "GONE"]
    assert "Chrome 113 on Windows 10 or 11: signed in " in marked[0]
    assert "`192.0.2.99`" in marked[0]
    assert "Firefox 132 on Windows 10 or 11: was Firefox 131 on Windows 10 or 11" in marked[1]
    assert "GONE · Rocket.\u2060Chat 4.1 on Linux: " in marked[2]
    third = await alice.ask("!report now")
    assert "nothing has changed since the last one" in third


async def test_the_numbers_of_a_report_can_be_used(alice: Guest) -> None:
    answer = await alice.ask("!report")
    [line] = [line for line in answer.splitlines() if "Firefox 131" in line]
    number = line.split("·")[0].strip()
    assert (await alice.ask(f"!session {number}")).startswith("Firefox 131 on Windows 10 or 11")


async def test_somebody_new_is_asked_to_connect_and_then_gets_the_plan(house: House) -> None:
    async with open_alice(house) as alice:
        await alice.ask("!disconnect")
        link = await alice.ask_for_link("!report daily 9")
        token = await alice.person.make_personal_access_token("again")
        house.clock.move_to(house.clock.now() + timedelta(seconds=1))
        await alice.person.fill_in(link, user_id=alice.person.user_id, token=token)
        await alice.hear()
        assert "You get a report every day at 09:00." in await alice.hear()


# By the clock

FORMS = [
    ("daily 9", ["Sat 16 Jan 2027, 09:00", "Sun 17 Jan 2027, 09:00", "Mon 18 Jan 2027, 09:00"]),
    (
        "weekdays 8:30",
        ["Mon 18 Jan 2027, 08:30", "Tue 19 Jan 2027, 08:30", "Wed 20 Jan 2027, 08:30"],
    ),
    (
        "weekly mon 9am",
        ["Mon 18 Jan 2027, 09:00", "Mon 25 Jan 2027, 09:00", "Mon 1 Feb 2027, 09:00"],
    ),
    (
        "monthly 1 09.00",
        ["Mon 1 Feb 2027, 09:00", "Mon 1 Mar 2027, 09:00", "Thu 1 Apr 2027, 09:00"],
    ),
    (
        "monthly 31 18:00",
        ["Sun 31 Jan 2027, 18:00", "Sun 28 Feb 2027, 18:00", "Wed 31 Mar 2027, 18:00"],
    ),
]


def read_time(text: str) -> datetime:
    return datetime.strptime(text, "%a %d %b %Y, %H:%M").replace(tzinfo=BERLIN).astimezone(UTC)


@pytest.mark.parametrize(("words", "times"), FORMS)
async def test_every_form_shows_its_next_times_and_keeps_them(
    house: House, alice: Guest, words: str, times: list[str]
) -> None:
    answer = await alice.ask(f"!report {words}")
    assert "The next ones: " + "\n".join(times) in answer
    for time in times:
        await house.clock.pass_to(read_time(time) - timedelta(seconds=1))
        report = await alice.hear_at(read_time(time))
        assert report.startswith("Your report: 9 devices are signed in as you"), time
        assert "is late" not in report
    assert house.count_said("Your report") == len(times)


async def test_a_report_by_the_clock_says_when_the_next_one_comes(alice: Guest) -> None:
    await alice.ask("!report weekly sat 7pm")
    report = await alice.hear_at(datetime(2027, 1, 16, 19, 0, tzinfo=BERLIN))
    assert "The next one comes Sat 23 Jan 2027, 19:00." in report
    assert "The next one comes Sat 23 Jan 2027, 19:00." in await alice.ask("!report")


NIGHTS = [  # the zone, the first evening, a time, when it comes that night, and the next one
    ("Europe/Berlin", "2027-03-27", "02:30", "2027-03-28T01:00", "2027-03-29T00:30"),
    ("Europe/Berlin", "2027-10-30", "02:30", "2027-10-31T00:30", "2027-11-01T01:30"),
    ("America/New_York", "2027-03-13", "02:30", "2027-03-14T07:00", "2027-03-15T06:30"),
    ("America/New_York", "2027-11-06", "01:30", "2027-11-07T05:30", "2027-11-08T06:30"),
    ("Australia/Lord_Howe", "2027-10-02", "02:15", "2027-10-02T15:30", "2027-10-03T15:15"),
    ("Australia/Lord_Howe", "2027-04-03", "01:45", "2027-04-03T14:45", "2027-04-04T15:15"),
]


@pytest.mark.parametrize(("zone", "evening", "at", "first", "second"), NIGHTS)
async def test_on_the_night_of_a_change_exactly_one_report_comes(
    tmp_path: Path, zone: str, evening: str, at: str, first: str, second: str
) -> None:
    start = datetime.fromisoformat(f"{evening}T18:00").replace(tzinfo=ZoneInfo(zone))
    times = [datetime.fromisoformat(time).replace(tzinfo=UTC) for time in (first, second)]
    async with open_house(tmp_path, start) as house, open_alice(house) as alice:
        await alice.ask(f"!timezone {zone}")
        await alice.ask(f"!report daily {at}")
        await house.clock.pass_to(times[0] - timedelta(minutes=1))
        assert house.count_said("Your report") == 0
        await alice.hear_at(times[0])
        # Through the night in small steps: an hour that comes twice is walked through twice.
        for step in range(1, 20):
            await house.clock.pass_to(times[0] + step * timedelta(minutes=15))
        await house.clock.pass_to(times[1] - timedelta(minutes=1))
        assert house.count_said("Your report") == 1
        await alice.hear_at(times[1])
        assert house.count_said("Your report") == 2


async def test_only_changes_are_reported_to_those_who_want_it_so(
    house: House, alice: Guest
) -> None:
    assert "but only if something has changed" in await alice.ask("!report changes daily 9")
    nine = datetime(2027, 1, 16, 9, 0, tzinfo=BERLIN)
    # There is nothing to compare the first one with.
    assert "9 devices" in await alice.hear_at(nine)
    looks = house.count_looks()
    await house.clock.pass_to(nine + DAY + SPREAD)
    await house.wait_for_look(looks + 1)
    await house.clock.pass_to(nine + DAY + HOUR)
    sign_in(house)
    assert "1 new device" in await alice.hear_at(nine + 2 * DAY)
    assert "You get a report every day at 09:00." in await alice.ask("!report changes")
    assert "nothing has changed" in await alice.hear_at(nine + 3 * DAY)
    assert house.count_said("Your report") == 3


async def test_changes_need_a_plan(alice: Guest) -> None:
    answer = await alice.ask("!report changes")
    assert answer == "You have no reports planned. `!report daily 09:00` plans one."
    assert "`!report daily 09:00` plans one." in await alice.ask("!report pause 2w")
    assert "nothing to end" in await alice.ask("!report off")


async def test_a_pause_drops_reports_without_a_word_and_ends_by_itself(
    house: House, alice: Guest
) -> None:
    await alice.ask("!report daily 9")
    paused = await alice.ask("!report pause 2d")
    assert "No reports until Sun 17 Jan 2027, 12:00." in paused
    assert "The next ones: Mon 18 Jan 2027, 09:00" in paused
    for day in (16, 17):
        await house.clock.pass_to(datetime(2027, 1, day, 9, 5, tzinfo=BERLIN))
    report = await alice.hear_at(datetime(2027, 1, 18, 9, 0, tzinfo=BERLIN))
    assert "skipped" not in report
    assert house.count_said("Your report") == 1
    assert "You get a report every day at 09:00." in await alice.ask("!report daily 9")


async def test_off_ends_the_reports(house: House, alice: Guest) -> None:
    await alice.ask("!report daily 9")
    assert await alice.ask("!report off") == "Done: no more reports."
    await house.clock.pass_to(datetime(2027, 1, 16, 9, 5, tzinfo=BERLIN))
    await alice.expect_silence()


async def test_a_new_plan_replaces_the_old_one(house: House, alice: Guest) -> None:
    await alice.ask("!report daily 9")
    await alice.ask("!report daily 10")
    await house.clock.pass_to(datetime(2027, 1, 16, 9, 5, tzinfo=BERLIN))
    await alice.hear_at(datetime(2027, 1, 16, 10, 0, tzinfo=BERLIN))
    assert house.count_said("Your report") == 1


async def test_a_move_to_another_zone_moves_the_next_report(house: House, alice: Guest) -> None:
    await alice.ask("!report daily 9")
    await alice.ask("!timezone America/New_York")
    await house.clock.pass_to(datetime(2027, 1, 16, 9, 5, tzinfo=BERLIN))
    report = await alice.hear_at(datetime(2027, 1, 16, 9, tzinfo=ZoneInfo("America/New_York")))
    assert "The next one comes Sun 17 Jan 2027, 09:00." in report
    assert house.count_said("Your report") == 1


async def test_a_schedule_that_is_not_understood_gets_a_suggestion(alice: Guest) -> None:
    for words, nearest in (
        ("weekly mndy 9", "`!report weekly mon 9`"),
        ("dialy 9", "`!report daily 09:00`"),
        ("puase 2w", "`!report pause 2w`"),
        ("of", "`!report off`"),
        ("pause soon", "`!report pause 2w`"),
    ):
        assert nearest in await alice.ask(f"!report {words}"), words


async def test_what_is_kept_is_shown_and_forgotten(house: House, alice: Guest) -> None:
    await alice.ask("!report daily 9")
    await alice.ask("!report")
    shown = await alice.ask("!privacy")
    assert "Reports: `daily 09:00`" in shown
    assert "Devices that I remember: " in shown
    await alice.ask("!forget")
    await alice.ask("!confirm")
    assert (await alice.ask("!privacy")).startswith("I store nothing about you.")
    await house.clock.pass_to(datetime(2027, 1, 16, 9, 5, tzinfo=BERLIN))
    await alice.expect_silence()
