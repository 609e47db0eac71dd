"""Scheduled reports: what people ask for, and when it comes."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from bot.features.reports.schedule_rules import SPREAD
from rocketchat_simulator.demo.devices import FIREFOX_WINDOWS
from tests.support.people import SOON, Conversation
from tests.support.stage import VERSIONS, Stage, open_stage

BERLIN = ZoneInfo("Europe/Berlin")
FRIDAY = datetime(2027, 1, 15, 12, 0, tzinfo=BERLIN)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
FIREFOX = "hQ7rXk2Zs9TtYw3Ab"


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with open_stage(tmp_path, start=FRIDAY) as opened:
        yield opened


@pytest.fixture
async def alice(stage: Stage) -> Conversation:
    guest = await stage.meet_connected("alice")
    await guest.ask("!timezone Europe/Berlin")
    return guest


# Now


async def test_a_report_is_compared_with_the_one_before(stage: Stage, alice: Conversation) -> None:
    first = await alice.ask("!report")
    assert first.startswith("Your report: 9 devices are signed in as you\n")
    assert "`!report daily 09:00` sends you one every day." in first
    stage.clock.move_to(FRIDAY + HOUR)
    stage.sign_in()
    stage.simulator.workspace.logout_session("Wm4pLzJ8cRdEoXv6T", stage.people.alice)
    stage.sign_in(FIREFOX_WINDOWS | {"version": "132.0"}, "203.0.113.7")
    await alice.ask("!logout Zr8uDe6MxCjP2vNqY")  # empties the cache of sessions
    await alice.ask("!confirm")
    second = await alice.ask("!report")
    assert second.startswith("Your report: 1 new device, 1 changed, 1 gone, 10 in all")
    lines = second.splitlines()
    marked = [
        f"{line} {origin.strip()}"
        for line, origin in pairwise(lines)
        if line.startswith(("  NEW", "  CHANGED", "  GONE"))
    ]
    assert [line.split()[0].rstrip(":") for line in marked] == ["NEW", "CHANGED", "GONE"]
    assert "*Chrome 113 on Windows 10 or 11* signed in " in marked[0]
    assert "`192.0.2.99`" in marked[0]
    assert "*Firefox 132 on Windows 10 or 11* was Firefox 131 on Windows 10 or 11" in marked[1]
    assert "GONE: *Rocket.\u2060Chat 4.1 on Linux* " in marked[2]
    third = await alice.ask("!report now")
    assert "nothing has changed since the last one" in third


async def test_the_numbers_of_a_report_can_be_used(alice: Conversation) -> None:
    answer = await alice.ask("!report")
    [line] = [line for line in answer.splitlines() if "Firefox 131" in line]
    number = line.split(":")[0].strip()
    assert (await alice.ask(f"!session {number}")).startswith("Firefox 131 on Windows 10 or 11")


async def test_somebody_new_is_asked_to_connect_and_then_gets_the_plan(stage: Stage) -> None:
    alice = await stage.meet_connected("alice")
    await alice.ask("!disconnect")
    link = await alice.ask_for_link("!report daily 9")
    token = await alice.person.make_personal_access_token("again")
    stage.clock.move_to(stage.clock.now() + timedelta(seconds=1))
    await alice.person.fill_in(link, user_id=alice.person.user_id, token=token)
    await alice.hear()
    assert "You get a report every day at 09:00." in await alice.hear()


# Scheduled

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
    stage: Stage, alice: Conversation, words: str, times: list[str]
) -> None:
    answer = await alice.ask(f"!report {words}")
    assert "Next reports: " + "\n    ".join(times) in answer
    for time in times:
        await stage.clock.pass_to(read_time(time) - timedelta(seconds=1))
        report = await alice.hear_at(read_time(time))
        assert report.startswith("Your report: 9 devices are signed in as you"), time
        assert "is late" not in report
    assert stage.count_said("Your report") == len(times)


@pytest.mark.parametrize("version", VERSIONS)
async def test_three_people_at_nine_get_their_reports_at_nine(tmp_path: Path, version: str) -> None:
    nine = FRIDAY.astimezone(UTC).replace(hour=9) + DAY
    async with open_stage(tmp_path, version, start=FRIDAY, limit_calls=10) as stage:
        await see_three_reports_at(nine, stage)


async def test_two_processes_make_the_reports_of_three_people_at_nine(
    tmp_path: Path, postgres_url: str
) -> None:
    nine = FRIDAY.astimezone(UTC).replace(hour=9) + DAY
    async with open_stage(tmp_path, bots=2, start=FRIDAY, storage_url=postgres_url) as stage:
        await see_three_reports_at(nine, stage)


async def see_three_reports_at(time: datetime, stage: Stage) -> None:
    guests = [stage.invite(name, utc_offset=0) for name in ("ann", "ben", "cat")]
    for guest in guests:
        await guest.connect()
        guest.say(f"!report daily {time:%H:%M}")
        assert f"Sat 16 Jan 2027, {time:%H:%M}" in await guest.hear("You get a report")
    await stage.clock.pass_to(time - timedelta(seconds=1))
    for guest in guests:
        assert not guest.has_unheard
    await stage.clock.pass_to(time + SOON)
    for guest in guests:
        await guest.hear("Your report")
        assert not guest.has_unheard


async def test_a_report_by_the_clock_says_when_the_next_one_comes(alice: Conversation) -> None:
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
    async with open_stage(tmp_path, start=start) as stage:
        alice = await stage.meet_connected("alice")
        await alice.ask(f"!timezone {zone}")
        await alice.ask(f"!report daily {at}")
        await stage.clock.pass_to(times[0] - timedelta(minutes=1))
        assert stage.count_said("Your report") == 0
        await alice.hear_at(times[0])
        # In small steps through the night, also through an hour that comes twice.
        for step in range(1, 20):
            await stage.clock.pass_to(times[0] + step * timedelta(minutes=15))
        await stage.clock.pass_to(times[1] - timedelta(minutes=1))
        assert stage.count_said("Your report") == 1
        await alice.hear_at(times[1])
        assert stage.count_said("Your report") == 2


async def test_only_changes_are_reported_to_those_who_want_it_so(
    stage: Stage, alice: Conversation
) -> None:
    assert "but only if something has changed" in await alice.ask("!report changes daily 9")
    nine = datetime(2027, 1, 16, 9, 0, tzinfo=BERLIN)
    # The first one has nothing to be compared with.
    assert "9 devices" in await alice.hear_at(nine)
    looks = stage.count_calls("sessions/list")
    await stage.clock.pass_to(nine + DAY + SPREAD)
    await stage.wait_for_calls("sessions/list", looks + 1)
    await stage.clock.pass_to(nine + DAY + HOUR)
    stage.sign_in()
    assert "1 new device" in await alice.hear_at(nine + 2 * DAY)
    assert "but only if something has changed" in await alice.ask("!report changes")
    assert "You get a report every day at 09:00." in await alice.ask("!report always")
    assert "nothing has changed" in await alice.hear_at(nine + 3 * DAY)
    assert stage.count_said("Your report") == 3


async def test_changes_need_a_plan(alice: Conversation) -> None:
    answer = await alice.ask("!report changes")
    assert answer == "You have no scheduled reports. `!report daily 09:00` schedules one."
    assert "`!report daily 09:00` schedules one." in await alice.ask("!report pause 2w")
    assert "nothing to stop" in await alice.ask("!report off")


async def test_a_pause_drops_reports_without_a_word_and_ends_by_itself(
    stage: Stage, alice: Conversation
) -> None:
    await alice.ask("!report daily 9")
    paused = await alice.ask("!report pause 2d")
    assert "No reports until Sun 17 Jan 2027, 12:00." in paused
    assert "Next reports: Mon 18 Jan 2027, 09:00" in paused
    for day in (16, 17):
        await stage.clock.pass_to(datetime(2027, 1, day, 9, 5, tzinfo=BERLIN))
    report = await alice.hear_at(datetime(2027, 1, 18, 9, 0, tzinfo=BERLIN))
    assert "skipped" not in report
    assert stage.count_said("Your report") == 1
    assert "You get a report every day at 09:00." in await alice.ask("!report daily 9")


async def test_off_ends_the_reports(stage: Stage, alice: Conversation) -> None:
    await alice.ask("!report daily 9")
    assert await alice.ask("!report off") == "Done: no more reports."
    await stage.clock.pass_to(datetime(2027, 1, 16, 9, 5, tzinfo=BERLIN))
    await alice.expect_silence()


async def test_a_new_plan_replaces_the_old_one(stage: Stage, alice: Conversation) -> None:
    await alice.ask("!report daily 9")
    await alice.ask("!report daily 10")
    await stage.clock.pass_to(datetime(2027, 1, 16, 9, 5, tzinfo=BERLIN))
    await alice.hear_at(datetime(2027, 1, 16, 10, 0, tzinfo=BERLIN))
    assert stage.count_said("Your report") == 1


async def test_a_move_to_another_zone_moves_the_next_report(
    stage: Stage, alice: Conversation
) -> None:
    await alice.ask("!report daily 9")
    await alice.ask("!timezone America/New_York")
    await stage.clock.pass_to(datetime(2027, 1, 16, 9, 5, tzinfo=BERLIN))
    report = await alice.hear_at(datetime(2027, 1, 16, 9, tzinfo=ZoneInfo("America/New_York")))
    assert "The next one comes Sun 17 Jan 2027, 09:00." in report
    assert stage.count_said("Your report") == 1


async def test_a_schedule_that_is_not_understood_gets_a_suggestion(alice: Conversation) -> None:
    for words, nearest in (
        ("weekly mndy 9", "`!report weekly mon 9`"),
        ("dialy 9", "`!report daily 09:00`"),
        ("puase 2w", "`!report pause 2w`"),
        ("of", "`!report off`"),
        ("pause soon", "`!report pause 2w`"),
    ):
        assert nearest in await alice.ask(f"!report {words}"), words


async def test_what_is_kept_is_shown_and_forgotten(stage: Stage, alice: Conversation) -> None:
    await alice.ask("!report daily 9")
    await alice.ask("!report")
    shown = await alice.ask("!privacy")
    assert "Reports: `daily 09:00`" in shown
    assert "Remembered devices: " in shown
    await alice.ask("!forget")
    await alice.ask("!confirm")
    assert (await alice.ask("!privacy")).startswith("I store nothing about you.")
    await stage.clock.pass_to(datetime(2027, 1, 16, 9, 5, tzinfo=BERLIN))
    await alice.expect_silence()
