from email.utils import formatdate

import pytest

from bot.rocketchat.rate_limit.window import (
    ClockOffset,
    LimitHeaders,
    RateLimitWindow,
    parse_limit_headers,
)

HEADERS = {
    "X-RateLimit-Limit": "10",
    "X-RateLimit-Remaining": "9",
    "X-RateLimit-Reset": "1795457200654",
}


def make_headers(remaining: int, resets_at: float, limit: int = 10) -> LimitHeaders:
    return LimitHeaders(limit, remaining, resets_at)


def test_the_headers_are_parsed() -> None:
    assert parse_limit_headers(HEADERS) == LimitHeaders(10, 9, 1795457200.654)


@pytest.mark.parametrize("name", HEADERS)
@pytest.mark.parametrize("value", [None, "", "many", "nan", "9" * 5000])
def test_incomplete_headers_are_none(name: str, value: str | None) -> None:
    headers = {**HEADERS, name: value}
    assert (
        parse_limit_headers({key: text for key, text in headers.items() if text is not None})
        is None
    )


@pytest.mark.parametrize(("limit", "reset"), [("0", "1"), ("-1", "1"), ("10", "inf")])
def test_impossible_limits_are_none(limit: str, reset: str) -> None:
    headers = {**HEADERS, "X-RateLimit-Limit": limit, "X-RateLimit-Reset": reset}
    assert parse_limit_headers(headers) is None


def test_the_smallest_offset_is_used() -> None:
    clock = ClockOffset()
    assert clock.convert(5000.0) is None
    for now in (10.9, 11.05, 12.7):
        clock.learn({"Date": formatdate(1000 + now, usegmt=True)}, now)
    assert clock.convert(1020.0) == pytest.approx(20.1, abs=0.01)


def test_older_samples_of_the_clock_are_weighted_down() -> None:
    clock = ClockOffset()
    clock.learn({"Date": formatdate(1000, usegmt=True)}, 10.0)
    clock.learn({"Date": formatdate(87_400 - 5, usegmt=True)}, 86_410.0)
    assert clock.convert(1000.0) == pytest.approx(15.0, abs=0.1)


def test_a_doubted_offset_is_replaced() -> None:
    clock = ClockOffset()
    clock.learn({"Date": formatdate(1000, usegmt=True)}, 10.0)
    clock.learn({"Date": formatdate(500, usegmt=True)}, 11.0, is_doubted=True)
    clock.learn({"Date": "today"}, 12.0, is_doubted=True)
    clock.learn({}, 12.0, is_doubted=True)
    assert clock.convert(500.0) == pytest.approx(11.05)


def test_responses_out_of_order_belong_to_one_window() -> None:
    window = RateLimitWindow()
    window.learn(make_headers(3, 100.001), 60.0, sent_at=1.0, now=2.0)
    # The server reads its clock twice, so resets of one window differ by a millisecond.
    window.learn(make_headers(2, 100.000), 60.0, sent_at=1.0, now=2.1)
    window.learn(make_headers(9, 100.000), 60.0, sent_at=1.0, now=2.2)
    assert window.count_available(2.3) == 2


def test_a_late_response_of_the_last_window_is_ignored() -> None:
    window = RateLimitWindow()
    window.learn(make_headers(9, 160.0), 120.0, sent_at=59.0, now=60.5)
    window.learn(make_headers(0, 100.0), 61.0, sent_at=58.0, now=60.6)
    assert window.count_available(60.7) == 9


def test_a_clock_that_was_set_back_is_followed() -> None:
    window = RateLimitWindow()
    window.learn(make_headers(9, 160.0), 120.0, sent_at=1.0, now=2.0)
    window.learn(make_headers(0, 100.0), 62.0, sent_at=3.0, now=4.0)
    assert window.count_available(5.0) == 0
    assert window.find_end(5.0) == 62.0


@pytest.mark.parametrize("ends_at", [1.0, 2.0, 1e6, float("nan")])
def test_impossible_windows_are_ignored(ends_at: float) -> None:
    window = RateLimitWindow()
    window.learn(make_headers(0, 100.0), ends_at, sent_at=1.0, now=2.0)
    assert (window.limit, window.find_end(2.0)) == (10, None)


def test_the_length_of_a_window_is_learned_from_its_first_call() -> None:
    window = RateLimitWindow()
    window.learn(make_headers(9, 100.0), 32.0, sent_at=1.0, now=2.0)
    assert window.estimate_wait(8, 2.0) == 0
    assert window.estimate_wait(9, 2.0) == 30.0
    assert window.estimate_wait(19, 2.0) == 60.0


def test_an_unanswered_call_in_a_new_window_is_counted() -> None:
    window = RateLimitWindow()
    window.learn(make_headers(9, 100.0), 32.0, sent_at=1.0, now=2.0)
    window.note_unanswered(now=40.0)
    assert window.count_remaining(40.0) == 9
    assert window.find_end(40.0) == 70.0
    window.learn(make_headers(7, 200.0), 65.0, sent_at=40.0, now=41.0)
    assert (window.count_remaining(41.0), window.find_end(41.0)) == (7, 65.0)


def test_without_any_response_the_default_limit_is_assumed() -> None:
    window = RateLimitWindow()
    waits = [window.estimate_wait(position, 0.0) for position in (9, 10, 29, 30)]
    assert waits == [0.0, 60.0, 120.0, 180.0]
