from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from bot.features.reports.comparison import GoneDevice, Report
from bot.features.reports.timeline import MAX_DEVICES, MIN_DEVICES, format_timeline
from bot.features.sessions.devices import DeviceSessions, DeviceSnapshot
from bot.formatting.locale import UserLocale
from bot.models import Device, OperatingSystem, RowKind, Session, Timeline

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
LOCALE = UserLocale("en")


def device(number: int, *days_ago: float, name: str = "", system: str = "Linux") -> DeviceSessions:
    look = Device("browser", "Firefox", f"{number}.0", os=OperatingSystem(system))
    sessions = [
        Session(f"s{number}x{position}", device=look, logged_in_at=NOW - timedelta(days=days))
        for position, days in enumerate(days_ago)
    ]
    return DeviceSessions(tuple(sessions), name)


def lay_out(*devices: DeviceSessions, locale: UserLocale = LOCALE, **report: object) -> Timeline:
    found = format_timeline(Report(devices, **report), locale, NOW)  # type: ignore[arg-type]
    assert found is not None
    return found


def test_fewer_than_three_devices_are_left_to_words() -> None:
    undated = DeviceSessions((Session("unknown"),))
    for devices in ((), (device(1, 1), device(2, 2)), (device(1, 1), device(2, 2), undated)):
        assert format_timeline(Report(devices), LOCALE, NOW) is None
    assert (
        len(lay_out(*(device(each, each) for each in range(1, MIN_DEVICES + 1))).rows)
        == MIN_DEVICES
    )


def test_a_bar_goes_from_the_first_sign_in_to_now_with_a_mark_for_each() -> None:
    row = lay_out(device(1, 3, 10), device(2, 1), device(3, 2)).rows[0]
    assert row.label == "1 · Firefox 1 on Linux (×2)"  # noqa: RUF001 - read as "times"
    assert row.bars == ((0.65, 0.9833),)
    assert row.marks == (0.65, 0.8833)


def test_what_signed_in_before_begins_at_the_edge_without_a_mark() -> None:
    row = lay_out(device(1, 400), device(2, 1), device(3, 2)).rows[0]
    assert row.bars[0][0] == 0
    assert row.marks == ()


def test_where_an_end_is_recorded_the_bar_ends_there() -> None:
    begun, ended = NOW - timedelta(days=9), NOW - timedelta(days=6)
    closed = DeviceSessions((Session("closed", logged_in_at=begun, closed_at=ended),))
    row = lay_out(closed, device(2, 1), device(3, 2)).rows[0]
    assert row.bars == ((0.6833, 0.7833),)


def test_new_devices_come_first_and_gone_ones_last() -> None:
    seen = DeviceSnapshot(Device("tablet", "Safari", "17.0"), "")
    gone = GoneDevice(seen, "old tablet", NOW - timedelta(days=20), NOW - timedelta(days=5))
    forgotten = GoneDevice(seen, "", NOW - timedelta(days=90), NOW - timedelta(days=60))
    devices = (device(1, 5), device(2, 1), device(3, 2, name="desk"))
    found = lay_out(*devices, new=frozenset({2}), gone=(gone, forgotten))
    assert [row.kind for row in found.rows] == [
        RowKind.NEW,
        RowKind.KNOWN,
        RowKind.KNOWN,
        RowKind.GONE,
    ]
    assert found.rows[0].label.startswith("NEW · 2 · ")
    assert found.rows[2].label == "3 · desk: Firefox 3 on Linux"
    assert found.rows[3].label.startswith("GONE · old tablet: Safari")
    assert found.rows[3].bars == ((0.3167, 0.8167),)


def test_more_devices_than_fit_are_counted() -> None:
    devices = [device(each, each) for each in range(1, MAX_DEVICES + 3)]
    found = lay_out(*devices)
    assert len(found.rows) == MAX_DEVICES
    assert found.more == "… and 2 more devices"


@pytest.mark.parametrize(
    ("language", "labels"),
    [
        ("en", ["26 Oct", "2 Nov", "9 Nov", "16 Nov", "23 Nov"]),
        ("de", ["26. Okt.", "2. Nov.", "9. Nov.", "16. Nov.", "23. Nov."]),
    ],
)
def test_every_seventh_day_is_named_in_the_persons_language(
    language: str, labels: list[str]
) -> None:
    devices = (device(1, 1), device(2, 2), device(3, 3))
    ticks = lay_out(*devices, locale=UserLocale(language)).ticks
    assert [label for _, label in ticks] == labels
    assert [place for place, _ in ticks] == sorted(place for place, _ in ticks)


def test_days_follow_the_persons_zone_over_a_change_of_the_clocks() -> None:
    devices = (device(1, 1), device(2, 2), device(3, 3))
    locale = UserLocale("en", ZoneInfo("Pacific/Auckland"))
    found = lay_out(*devices, locale=locale)
    # Noon of the 23rd in UTC is one in the morning of the 24th there.
    assert found.ticks[-1] == (0.9667, "24 Nov")
    berlin = UserLocale("en", ZoneInfo("Europe/Berlin"))
    # Their clocks went back on 25 October: that day was an hour longer than the others.
    assert lay_out(*devices, locale=berlin).ticks[0] == (0.0347, "26 Oct")
