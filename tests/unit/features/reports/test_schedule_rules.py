"""What people type as a schedule, and the times that follow from it."""

import math
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import UsageError
from bot.features.reports.schedule_parsing import parse_pause, parse_schedule_rule
from bot.features.reports.schedule_rules import (
    SHUFFLED_WITHIN,
    SPREAD,
    Frequency,
    ScheduleRule,
    find_delay,
    find_next,
    find_offset,
    list_next,
)
from tests.support.fuzzing import scale_examples

START = datetime(2024, 1, 1, tzinfo=UTC)
STEP = timedelta(seconds=15)
ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Africa/Cairo",
    "Asia/Kathmandu",
    "Pacific/Apia",
]


# What people type


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("daily 09:00", "daily 09:00"),
        ("daily 9", "daily 09:00"),
        ("Daily at 9:30", "daily 09:30"),
        ("daily 09.00", "daily 09:00"),
        ("daily 9am", "daily 09:00"),
        ("daily 9:05 pm", "daily 21:05"),
        ("daily 12am", "daily 00:00"),
        ("daily 12 PM", "daily 12:00"),
        ("daily 0830", "daily 08:30"),
        ("daily 8h30", "daily 08:30"),
        ("daily ０９：００", "daily 09:00"),  # noqa: RUF001 - full width, as some keyboards write it
        ("`daily 9:00`", "daily 09:00"),
        ("weekdays 8:30", "weekdays 08:30"),
        ("weekly mon 09:00", "weekly mon 09:00"),
        ("weekly on Mondays at 9 a.m.", "weekly mon 09:00"),
        ("weekly SU 23:59", "weekly sun 23:59"),
        ("weekly thurs, 7", "weekly thu 07:00"),
        ("monthly 1 09:00", "monthly 1 09:00"),
        ("monthly on the 31st at 18:00", "monthly 31 18:00"),
        ("monthly 2. 8", "monthly 2 08:00"),
        ("monthly last 9", "monthly 31 09:00"),
    ],
)
def test_schedules_are_understood_as_people_type_them(words: str, expected: str) -> None:
    assert str(parse_schedule_rule(words)) == expected


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("dayly 09:00", "Did you mean report daily 09:00?"),
        ("weekday 8:30", "Did you mean report weekdays 08:30?"),
        ("weekly mondag 9:15", "Did you mean report weekly mon 9:15?"),
        ("weekly wenesday 9", "Did you mean report weekly wed 9?"),
        ("weekly 09:00", "On which day of the week?"),
        ("weekly", "On which day of the week?"),
        ("monthly 9", "On which day of the month"),
        ("weekly 31 9:00", "On which day of the week?"),
        ("weekly soon 9:00", "soon is not a day of the week. For example: report weekly mon"),
        ("monthly 0 9:00", "0 is not a day of the month: those are 1 to 31. For example: report"),
        ("monthly 32 9:00", "32 is not a day of the month"),
        ("monthly soon", "soon is not a day of the month"),
        ("monthly", "On which day of the month"),
        ("monthly 3.", "At what time of day?"),
        ("daily", "At what time of day?"),
        ("daily 25:00", "25:00 is not a time of day. For example: report daily 09:00."),
        ("daily 24:00", "24:00 is not a time of day."),
        ("daily 9:60", "9:60 is not a time of day."),
        ("daily 13pm", "13pm is not a time of day."),
        ("daily 0am", "0am is not a time of day."),
        ("daily soon", "soon is not a time of day."),
        ("weekly mon soon", "soon is not a time of day. For example: report weekly mon 09:00."),
        ("weekly mon", "At what time of day?"),
        ("hourly 5", "I don't know the schedule hourly"),
        ("", "I don't know the schedule"),
    ],
)
def test_what_is_not_understood_is_answered_with_an_example(words: str, said: str) -> None:
    with pytest.raises(UsageError) as error:
        parse_schedule_rule(words)
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("words", "hours"),
    [("12h", 12), ("3d", 72), ("3 d", 72), ("2w", 336), ("2 weeks", 336), ("1 Day", 24)],
)
def test_pauses_are_in_hours_days_and_weeks(words: str, hours: int) -> None:
    assert parse_pause(words) == timedelta(hours=hours)


@pytest.mark.parametrize("words", ["2", "0d", "w", "2m", "-1d", "99w", "1.5h", "ever"])
def test_other_pauses_are_refused_with_an_example(words: str) -> None:
    with pytest.raises(UsageError, match=f"A pause cannot be {words} long: .* report pause 2w"):
        parse_pause(words)


def test_a_pause_without_a_length_is_asked_for_it() -> None:
    with pytest.raises(UsageError, match="For how long\\? For example: report pause 2w"):
        parse_pause("")


@given(st.text(max_size=40))
def test_no_text_breaks_the_parser(text: str) -> None:
    for read in (parse_schedule_rule, parse_pause):
        with suppress(UsageError):
            assert read(text)


timetables = st.builds(
    lambda frequency, hour, minute, weekday, monthday: ScheduleRule(
        frequency,
        hour,
        minute,
        {Frequency.WEEKLY: weekday, Frequency.MONTHLY: monthday}.get(frequency, 0),
    ),
    st.sampled_from(Frequency),
    st.integers(0, 23),
    st.integers(0, 59),
    st.integers(0, 6),
    st.integers(1, 31),
)


@given(timetables)
def test_a_rule_is_stored_as_a_person_would_type_it(rule: ScheduleRule) -> None:
    assert parse_schedule_rule(str(rule)) == rule


# The times that follow


def is_meant(rule: ScheduleRule, day: date) -> bool:
    """Tell by the calendar alone, not as the program does it, whether a day is meant."""
    if rule.frequency is Frequency.WEEKDAYS:
        return day.isoweekday() <= 5
    if rule.frequency is Frequency.WEEKLY:
        return day.weekday() == rule.day
    if rule.frequency is Frequency.MONTHLY:
        is_last = (day + timedelta(days=1)).month != day.month
        return day.day == rule.day or (is_last and day.day < rule.day)
    return True


def first_minute(day: date, at: time, zone: tzinfo) -> datetime:
    """Return the first minute of the day, at that time or after it, that exists; once."""
    wall = datetime.combine(day, at)
    while True:
        moment = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
        if moment.astimezone(zone).replace(tzinfo=None, fold=0) == wall:
            return moment
        wall += timedelta(minutes=1)


def expect_times(rule: ScheduleRule, zone: tzinfo, after: datetime, days: int) -> list[datetime]:
    start = after.astimezone(zone).date() - timedelta(days=2)
    at = time(rule.hour, rule.minute)
    found = {
        first_minute(day, at, zone)
        for day in (start + timedelta(days=number) for number in range(days))
        if is_meant(rule, day)
    }
    return sorted(moment for moment in found if moment > after)


@scale_examples(150)
@given(
    timetables,
    st.sampled_from(ZONES),
    st.integers(0, 5 * 365 * 24 * 60).map(lambda minutes: START + timedelta(minutes=minutes)),
)
def test_times_are_those_of_the_calendar(rule: ScheduleRule, zone: str, after: datetime) -> None:
    expected = expect_times(rule, ZoneInfo(zone), after, days=100)[:3]
    assert list_next(rule, ZoneInfo(zone), after, 3) == expected


NIGHTS = [  # the zone, the day, a time that night, what it is in UTC
    ("Europe/Berlin", "2027-03-28", "02:30", ["2027-03-28T01:00"]),  # 02:00-03:00 is left out
    ("Europe/Berlin", "2027-03-28", "03:00", ["2027-03-28T01:00"]),
    ("Europe/Berlin", "2027-10-31", "02:30", ["2027-10-31T00:30"]),  # 02:00-03:00 comes twice
    ("Europe/Berlin", "2027-10-31", "03:00", ["2027-10-31T02:00"]),
    ("America/New_York", "2027-03-14", "02:30", ["2027-03-14T07:00"]),
    ("America/New_York", "2027-11-07", "01:30", ["2027-11-07T05:30"]),
    ("Australia/Lord_Howe", "2027-10-03", "02:15", ["2027-10-02T15:30"]),  # half an hour only
    ("Australia/Lord_Howe", "2027-04-04", "01:45", ["2027-04-03T14:45"]),
    ("Africa/Cairo", "2027-04-30", "00:30", ["2027-04-29T22:00"]),  # midnight itself is left out
]


@pytest.mark.parametrize(("zone", "day", "at", "expected"), NIGHTS)
def test_on_the_night_of_a_change_a_report_comes_once(
    zone: str, day: str, at: str, expected: list[str]
) -> None:
    there = ZoneInfo(zone)
    noon = datetime.fromisoformat(f"{day}T12:00").replace(tzinfo=there).astimezone(UTC)
    rule = parse_schedule_rule(f"daily {at}")
    times = list_next(rule, there, noon - timedelta(days=1), 2)
    assert [f"{moment:%Y-%m-%dT%H:%M}" for moment in times if moment < noon] == expected
    assert times[1].astimezone(there).strftime("%H:%M") == at


@pytest.mark.parametrize(("zone", "day", "at", "expected"), NIGHTS)
def test_asking_minute_by_minute_gives_no_other_times(
    zone: str, day: str, at: str, expected: list[str]
) -> None:
    there = ZoneInfo(zone)
    noon = datetime.fromisoformat(f"{day}T12:00").replace(tzinfo=there).astimezone(UTC)
    rule = parse_schedule_rule(f"daily {at}")
    start = noon - timedelta(hours=16)
    times = {find_next(rule, there, start + timedelta(minutes=m)) for m in range(15 * 60)}
    assert [f"{time:%Y-%m-%dT%H:%M}" for time in sorted(times) if time < noon] == expected


def test_a_day_that_a_month_does_not_have_is_its_last() -> None:
    start = datetime(2027, 1, 1, tzinfo=UTC)
    for day, expected in ((29, [29, 28, 29, 29]), (30, [30, 28, 30, 30]), (31, [31, 28, 31, 30])):
        times = list_next(ScheduleRule(Frequency.MONTHLY, 9, 0, day), UTC, start, 4)
        assert [moment.day for moment in times] == expected
        leap = list_next(
            ScheduleRule(Frequency.MONTHLY, 9, 0, day), UTC, start.replace(year=2028), 2
        )
        assert leap[1].day == 29


@given(st.text(max_size=20))
def test_each_report_has_a_place_among_the_others_and_keeps_it(user_id: str) -> None:
    due_at = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
    assert timedelta() <= find_offset(user_id, due_at) < SHUFFLED_WITHIN
    assert find_offset(user_id, due_at) == find_offset(user_id, due_at)


def test_the_order_changes_from_report_to_report() -> None:
    orders = set()
    for day in range(100):
        due_at = datetime(2026, 11, 23, 9, 0, tzinfo=UTC) + timedelta(days=day)
        orders.add(tuple(sorted("abcdefgh", key=lambda user_id: find_offset(user_id, due_at))))
    assert len(orders) > 95


def test_few_reports_start_at_once_and_more_as_the_rate_limit_allows() -> None:
    delays = [find_delay(waiting, 10, STEP).total_seconds() for waiting in range(12)]
    assert delays == [0, 0, 0, 0, 0, 15, 30, 45, 60, 60, 75, 90]
    assert find_delay(40, 1000, STEP) == timedelta()
    assert find_delay(119, math.inf, STEP) == timedelta()
    assert find_delay(125, math.inf, STEP) == STEP


@given(st.integers(0, 100_000), st.floats(0.1, 10_000) | st.just(math.inf))
def test_no_report_waits_longer_than_those_before_it_need(waiting: int, rate: float) -> None:
    delay = find_delay(waiting, rate, STEP)
    assert timedelta() <= delay <= SPREAD
    assert delay <= find_delay(waiting + 1, rate, STEP)
    assert delay.total_seconds() <= 60 * waiting / min(rate / 2, 480)
