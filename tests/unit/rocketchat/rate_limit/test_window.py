from email.utils import formatdate

import pytest

from bot.rocketchat.rate_limit.window import LimitClock, LimitHeaders, RateLimitWindow, parse_limit

HEADERS = {
    "X-RateLimit-Limit": "10",
    "X-RateLimit-Remaining": "9",
    "X-RateLimit-Reset": "1795457200654",
}


def tell(remaining: int, resets_at: float, limit: int = 10) -> LimitHeaders:
    return LimitHeaders(limit, remaining, resets_at)


def test_the_headers_are_read() -> None:
    assert parse_limit(HEADERS) == LimitHeaders(10, 9, 1795457200.654)


@pytest.mark.parametrize("name", HEADERS)
@pytest.mark.parametrize("value", [None, "", "many", "nan", "9" * 5000])
def test_headers_that_say_nothing_are_none(name: str, value: str | None) -> None:
    headers = {**HEADERS, name: value}
    assert parse_limit({key: text for key, text in headers.items() if text is not None}) is None


@pytest.mark.parametrize(("limit", "reset"), [("0", "1"), ("-1", "1"), ("10", "inf")])
def test_impossible_limits_are_none(limit: str, reset: str) -> None:
    headers = {**HEADERS, "X-RateLimit-Limit": limit, "X-RateLimit-Reset": reset}
    assert parse_limit(headers) is None


def test_the_servers_time_is_found_to_a_fraction_of_a_second() -> None:
    clock = LimitClock()
    assert clock.find(5000.0) is None
    for now in (10.9, 11.05, 12.7):
        clock.learn({"Date": formatdate(1000 + now, usegmt=True)}, now)
    assert clock.find(1020.0) == pytest.approx(20.1, abs=0.01)


def test_an_old_sighting_of_the_servers_clock_loses_its_word() -> None:
    clock = LimitClock()
    clock.learn({"Date": formatdate(1000, usegmt=True)}, 10.0)
    clock.learn({"Date": formatdate(87_400 - 5, usegmt=True)}, 86_410.0)
    assert clock.find(1000.0) == pytest.approx(15.0, abs=0.1)


def test_a_doubted_clock_is_learned_anew() -> None:
    clock = LimitClock()
    clock.learn({"Date": formatdate(1000, usegmt=True)}, 10.0)
    clock.learn({"Date": formatdate(500, usegmt=True)}, 11.0, is_doubted=True)
    clock.learn({"Date": "today"}, 12.0, is_doubted=True)
    clock.learn({}, 12.0, is_doubted=True)
    assert clock.find(500.0) == pytest.approx(11.05)


def test_answers_that_overtake_each_other_are_one_window() -> None:
    allowance = RateLimitWindow()
    allowance.learn(tell(3, 100.001), 60.0, sent_at=1.0, now=2.0)
    # The server reads its clock twice, so resets of one window differ by a millisecond.
    allowance.learn(tell(2, 100.000), 60.0, sent_at=1.0, now=2.1)
    allowance.learn(tell(9, 100.000), 60.0, sent_at=1.0, now=2.2)
    assert allowance.count_places(2.3) == 2


def test_a_late_answer_of_the_last_window_says_nothing_about_this_one() -> None:
    allowance = RateLimitWindow()
    allowance.learn(tell(9, 160.0), 120.0, sent_at=59.0, now=60.5)
    allowance.learn(tell(0, 100.0), 61.0, sent_at=58.0, now=60.6)
    assert allowance.count_places(60.7) == 9


def test_a_clock_that_was_set_back_is_believed() -> None:
    allowance = RateLimitWindow()
    allowance.learn(tell(9, 160.0), 120.0, sent_at=1.0, now=2.0)
    allowance.learn(tell(0, 100.0), 62.0, sent_at=3.0, now=4.0)
    assert allowance.count_places(5.0) == 0
    assert allowance.find_end(5.0) == 62.0


@pytest.mark.parametrize("ends_at", [1.0, 2.0, 1e6, float("nan")])
def test_windows_that_cannot_be_are_not_believed(ends_at: float) -> None:
    allowance = RateLimitWindow()
    allowance.learn(tell(0, 100.0), ends_at, sent_at=1.0, now=2.0)
    assert (allowance.limit, allowance.find_end(2.0)) == (10, None)


def test_the_length_of_a_window_is_learned_from_its_first_call() -> None:
    allowance = RateLimitWindow()
    allowance.learn(tell(9, 100.0), 32.0, sent_at=1.0, now=2.0)
    assert allowance.estimate_wait(8, 2.0) == 0
    assert allowance.estimate_wait(9, 2.0) == 30.0
    assert allowance.estimate_wait(19, 2.0) == 60.0


def test_a_lost_call_in_a_new_window_is_counted() -> None:
    allowance = RateLimitWindow()
    allowance.learn(tell(9, 100.0), 32.0, sent_at=1.0, now=2.0)
    allowance.doubt(now=40.0)
    assert allowance.count_remaining(40.0) == 9
    assert allowance.find_end(40.0) == 70.0
    allowance.learn(tell(7, 200.0), 65.0, sent_at=40.0, now=41.0)
    assert (allowance.count_remaining(41.0), allowance.find_end(41.0)) == (7, 65.0)


def test_before_any_answer_the_wait_is_estimated_as_on_a_new_workspace() -> None:
    allowance = RateLimitWindow()
    waits = [allowance.estimate_wait(position, 0.0) for position in (9, 10, 29, 30)]
    assert waits == [0.0, 60.0, 120.0, 180.0]
