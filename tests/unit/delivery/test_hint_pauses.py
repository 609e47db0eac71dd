from datetime import UTC, datetime, timedelta

from bot.delivery.reply_throttle import ReplyThrottle
from tests.support.clock import Clock


def make_throttle() -> tuple[ReplyThrottle, Clock]:
    clock = Clock(datetime(2027, 1, 15, 12, 0, tzinfo=UTC))
    return ReplyThrottle(clock.now), clock


def test_a_person_who_asks_again_gets_the_hint_again() -> None:
    throttle, clock = make_throttle()
    assert throttle.may_hint("room", "hint")
    assert not throttle.may_hint("room", "hint", is_question=True)
    clock.advance(seconds=10)
    assert not throttle.may_hint("room", "hint")
    assert throttle.may_hint("room", "hint", is_question=True)
    clock.advance(days=1)
    assert throttle.may_hint("room", "hint")
    clock.advance(seconds=10)
    assert throttle.may_hint("room", "hint", is_question=True)


def test_bots_that_ask_each_other_slowly_come_to_an_end() -> None:
    throttle, clock = make_throttle()
    times = 0
    while clock.now() < datetime(2027, 1, 16, 12, 0, tzinfo=UTC):
        times += throttle.may_hint("room", "hint", is_question=True)
        clock.advance(seconds=15)
    assert times < 40, f"{times} hints in {timedelta(days=1)}"
