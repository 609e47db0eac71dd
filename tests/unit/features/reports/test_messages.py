import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.features.alerts.alerts import MIN_INTERVAL, AlertStatus, find_interval, find_pace
from bot.features.alerts.known_devices import KnownDevice
from bot.features.alerts.messages import format_alert, format_status
from bot.features.reports.comparison import GoneDevice, Report, compare
from bot.features.reports.messages import format_report, list_notes
from bot.features.reports.schedule_messages import format_rule
from bot.features.reports.schedule_parsing import parse_schedule_rule
from bot.features.sessions.devices import (
    DeviceSessions,
    DeviceSnapshot,
    group_by_device,
    make_device_key,
    make_snapshots,
)
from bot.features.sessions.logout_messages import (
    format_choice_of_kept,
    format_logout,
    name_devices,
)
from bot.features.sessions.sessions import LogoutOutcome
from bot.formatting.colours import Colour
from bot.formatting.locale import UserLocale
from bot.formatting.text import MESSAGE_LIMIT, utf16_length
from bot.models import Device, OperatingSystem, Reply, Session

NOW = datetime(2026, 11, 23, 20, 40, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LOCALE = UserLocale()
WINDOWS = OperatingSystem("Windows", "10")


def make_session(
    name: str = "Firefox",
    version: str = "131.0",
    ip: str = "203.0.113.7",
    system: OperatingSystem = WINDOWS,
    age: timedelta = HOUR,
) -> Session:
    device = Device("browser", name, version, version, system)
    return Session(f"{name}{version}{ip}", "ann", device, ip, logged_in_at=NOW - age)


def remember(*sessions: Session, at: datetime = NOW - DAY) -> dict[str, KnownDevice]:
    seen = make_snapshots(group_by_device(sessions, {}))
    return {key: KnownDevice(each, at, at, False, at) for key, each in seen.items()}  # noqa: FBT003


def make_report(
    sessions: list[Session],
    remembered: Mapping[str, KnownDevice],
    names: dict[str, str] | None = None,
) -> Report:
    return compare(group_by_device(sessions, names or {}), remembered, names or {}, NOW)


def all_text(reply: Reply) -> str:
    assert reply.attachment is not None
    facts = [f"{fact.title}: {fact.value}" for fact in reply.attachment.facts]
    return "\n".join([reply.text, reply.attachment.text, *facts])


# What is compared


def test_the_first_report_has_nothing_to_compare_with() -> None:
    report = make_report([make_session()], {})
    assert not report.has_changes
    assert report.since is None


def test_new_gone_and_changed_are_told_apart() -> None:
    before = remember(make_session(), make_session("Safari"), make_session("Opera"))
    now = [make_session("Edge"), make_session(version="132.0"), make_session("Opera")]
    report = make_report(now, before, {make_device_key(make_session("Safari")): "old iPad"})
    assert report.new == {1}
    assert {number: device.version for number, device in report.changed.items()} == {2: "131.0"}
    assert [(each.snapshot.device.name, each.name) for each in report.gone] == [
        ("Safari", "old iPad")
    ]
    assert report.since == NOW - DAY


@pytest.mark.parametrize(
    "session",
    [
        make_session(ip="203.0.113.99"),  # the same network
        make_session(version="131.2"),  # told in the same words
        make_session(age=timedelta()),  # signed in again
        make_session(system=OperatingSystem("Windows", "10.0")),
    ],
)
def test_what_people_would_call_the_same_is_no_change(session: Session) -> None:
    assert not make_report([session], remember(make_session())).has_changes


def test_unusual_is_what_has_no_name_or_was_first_seen_lately() -> None:
    late = remember(make_session("Edge"), at=NOW - HOUR)
    sessions = [make_session(), make_session("Edge"), make_session("")]
    report = make_report(sessions, remember(make_session()) | late)
    assert report.unusual == {2: NOW - HOUR, 3: None}
    names = {make_device_key(each): "mine" for each in sessions}
    assert make_report(sessions, remember(make_session()) | late, names).unusual == {}


# What is said


def test_what_comes_before_the_rest_has_a_mark_that_says_why() -> None:
    sessions = [make_session("Opera"), make_session(""), make_session("Edge")]
    before = remember(make_session("Opera"), make_session(""), make_session("Safari"))
    reply = format_report(make_report(sessions, before), LOCALE, NOW)
    assert reply.text == "Your report: 1 new device, 1 gone, 3 in all"
    assert reply.attachment is not None
    assert reply.attachment.colour == Colour.AMBER
    assert [
        (fact.title, fact.value.partition("\n")[0]) for fact in reply.attachment.facts[:-1]
    ] == [
        ("NEW · 3", "*Edge 131 on Windows 10 or 11*"),
        ("GONE", "*Safari 131 on Windows 10 or 11*"),
        ("UNUSUAL · 2", "*Windows 10 or 11*"),
        ("1", "*Opera 131 on Windows 10 or 11*"),
    ]


def test_a_logout_that_could_not_be_checked_names_what_it_was_about() -> None:
    named = name_devices(group_by_device([make_session()], {}), LOCALE)
    said = all_text(format_logout(LogoutOutcome(is_checked=False), named, LOCALE))
    assert "Not checked: Firefox 131 on Windows 10 or 11" in said


def test_where_nothing_was_signed_out_only_that_is_said() -> None:
    named = name_devices(group_by_device([make_session()], {}), LOCALE)
    reply = format_logout(LogoutOutcome(still_there=named[0][1]), named, LOCALE)
    assert reply.text == "1 is still signed in."
    assert "Still signed in: Firefox 131 on Windows 10 or 11" in all_text(reply)


def test_no_change_is_blue_and_says_since_when() -> None:
    reply = format_report(make_report([make_session()], remember(make_session())), LOCALE, NOW)
    assert reply.text == (
        "Your report: 1 device is signed in as you; nothing has changed since the last one"
        " (1 day ago)"
    )
    assert reply.attachment is not None
    assert reply.attachment.colour == Colour.BLUE


def test_a_late_report_says_what_was_missed_and_when_the_next_one_comes() -> None:
    notes = list_notes(LOCALE, late_since=NOW - HOUR, skipped=2, next_at=NOW + DAY)
    assert notes == [
        "This report is late: it was due Mon 23 Nov 2026, 19:40.",
        "Before it, 2 reports were skipped, because they could not be made in time.",
        "The next one comes Tue 24 Nov 2026, 20:40.",
    ]


def test_nobody_signed_in_is_said_plainly() -> None:
    reply = format_report(make_report([], {}), LOCALE, NOW)
    assert reply.text == "Your report: 0 devices are signed in as you"
    assert reply.attachment is not None
    assert reply.attachment.facts == ()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("daily 9", "every day at 09:00"),
        ("weekdays 8:30", "Monday to Friday at 08:30"),
        ("weekly sun 9pm", "every Sunday at 21:00"),
        ("monthly 1 9", "on day 1 of the month at 09:00"),
        (
            "monthly 30 9",
            "on day 30 of the month at 09:00 (where the month is shorter, on its last)",
        ),
    ],
)
def test_a_schedule_in_words(words: str, said: str) -> None:
    assert format_rule(parse_schedule_rule(words), LOCALE) == said


def test_an_alert_proposes_no_device_to_keep() -> None:
    devices = tuple(
        DeviceSessions((session,), name)
        for session, name in (
            (make_session("Edge"), ""),
            (make_session(""), ""),
            (make_session("Opera"), ""),
            (make_session(), "desk"),
        )
    )
    reply = format_alert(devices, (1,), LOCALE, NOW)
    assert reply.text == "New device: Edge 131 on Windows 10 or 11, 1 hour ago"
    said = all_text(reply)
    assert "`!logout all` is the safest: it signs out everything, you too." in said
    assert "`!logout 1` signs out only this device." in said
    assert "others" not in said
    assert "others" not in all_text(format_alert(devices[:1], (1,), LOCALE, NOW))


@given(
    st.lists(st.tuples(st.text(max_size=200), st.text(max_size=99), st.text(max_size=99))),
    st.integers(0, 60),
)
def test_whatever_devices_say_a_message_fits_and_nobody_is_mentioned(
    texts: list[tuple[str, str, str]], padding: int
) -> None:
    hostile = [("@all *x* " + "語" * 200, "9" * 90, "@here")] * padding
    sessions = [
        make_session(name, version, ip, OperatingSystem(name, version), age=number * HOUR)
        for number, (name, version, ip) in enumerate([*texts, *hostile])
    ]
    devices = group_by_device(sessions, {})
    gone = tuple(
        GoneDevice(DeviceSnapshot(each.device, each.ip), each.device.name) for each in sessions
    )
    numbers = range(1, len(devices) + 1)
    changed = {number: devices[number - 1].newest.device for number in numbers}
    named = name_devices(devices, LOCALE)
    replies = [
        format_report(
            Report(devices, NOW, frozenset(numbers), {}, gone), LOCALE, NOW, ("x" * 300,)
        ),
        format_report(Report(devices, NOW, frozenset(), changed), LOCALE, NOW),
        *([format_alert(devices, tuple(numbers), LOCALE, NOW)] if devices else []),
        format_status(AlertStatus(NOW, HOUR, len(devices), devices), LOCALE, NOW),
        format_choice_of_kept(list(enumerate(devices, 1)), (), LOCALE, NOW),
        format_logout(LogoutOutcome(), named * 2, LOCALE),
        *(format_logout(LogoutOutcome(still_there=ids), named, LOCALE) for _, ids in named[-1:]),
    ]
    for reply in replies:
        assert utf16_length(all_text(reply)) <= MESSAGE_LIMIT
        assert "@all" not in all_text(reply)
        assert "@here" not in all_text(reply)


def test_the_pace_of_checks_follows_what_the_workspace_allows() -> None:
    assert [find_pace(rate) for rate in (3, 10, 100, 10_000, math.inf)] == [4, 4, 40, 240, 240]


def test_looks_take_less_than_half_of_what_a_workspace_allows() -> None:
    assert find_interval(1, 4) == find_interval(20, 4) == MIN_INTERVAL
    for subscriptions in (21, 100, 1000, 5000):
        minutes = find_interval(subscriptions, 4).total_seconds() / 60
        assert subscriptions / minutes <= 5
