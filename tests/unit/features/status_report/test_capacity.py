from datetime import timedelta

import pytest

from bot.features.status_report.backlog import Demand
from bot.features.status_report.capacity import describe, estimate, is_short, is_tight

MAX_DELAY = timedelta(hours=6)


def say(connected: int, watched: int, planned: int, busiest: int, limit: int | None) -> str:
    capacity = estimate(Demand(connected, watched, planned, busiest), limit)
    return "; ".join(describe(capacity, MAX_DELAY))


def test_nobody_needs_nothing_but_the_limit_is_said() -> None:
    assert say(0, 0, 0, 0, None) == (
        "10 calls a minute and route are 14,400 questions a day,"
        " for everybody on this address together"
    )


def test_a_burst_at_nine_is_shared_out_over_minutes_after_what_alerts_take() -> None:
    said = say(connected=57, watched=57, planned=50, busiest=40, limit=10)
    # 57 people in turn, one check every 15 seconds at most, leaves 6 of 10 calls a minute.
    assert "alerts check every 15 minutes each of those who want them (57)" in said
    assert (
        "of 50 scheduled reports at most 40 are due at one time, which takes about 7 minutes"
        in said
    )
    assert "the last has an answer after about 10 minutes" in said


def test_few_alerts_take_little() -> None:
    said = say(connected=5, watched=5, planned=5, busiest=5, limit=10)
    assert "(5), which takes 1 of the calls a minute" in said
    assert "which takes about a minute" in said


@pytest.mark.parametrize(
    ("busiest", "limit", "tight", "short"),
    [
        (60, 10, False, False),
        (400, 10, True, False),
        (4000, 10, True, True),
        (4000, 1000, False, False),
    ],
)
def test_what_is_too_much_is_told(busiest: int, limit: int, *, tight: bool, short: bool) -> None:
    capacity = estimate(Demand(connected=1, watched=0, planned=busiest, busiest=busiest), limit)
    assert is_tight(capacity) == tight
    assert is_short(capacity, MAX_DELAY) == short
    assert ("raise the limit" in "; ".join(describe(capacity, MAX_DELAY))) == short


def test_a_limit_that_alerts_use_up_leaves_one_call_a_minute() -> None:
    capacity = estimate(Demand(connected=100, watched=100, planned=30, busiest=30), 3)
    assert capacity.reports_take == timedelta(minutes=30)
