from datetime import UTC, datetime, timedelta

from bot.delivery.reply_throttle import REPLIES_PER_MINUTE, ReplyThrottle, TooFast
from bot.models import Message, RoomType, Sender
from tests.support.clock import Clock

SCOPE = ("messages", "cat")


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


def test_a_clock_that_was_ahead_keeps_no_hint_back() -> None:
    throttle, clock = make_throttle()
    clock.advance(days=730)
    assert throttle.may_hint("room", "hint")
    clock.advance(days=-730)
    assert throttle.may_hint("room", "hint")


def test_messages_that_were_dated_ahead_make_nobody_too_fast() -> None:
    throttle, clock = make_throttle()
    now, ahead = clock.now(), clock.now() + timedelta(days=730)
    for number in range(REPLIES_PER_MINUTE):
        assert throttle.find_excess(make_message(f"a{number}", ahead), SCOPE) is None
    assert throttle.find_excess(make_message("too many", ahead), SCOPE)
    assert throttle.find_excess(make_message("now", now), SCOPE) is None


def test_a_backlog_that_is_answered_in_any_order_is_no_flood() -> None:
    throttle, clock = make_throttle()
    said = [(minute, number) for number in range(REPLIES_PER_MINUTE) for minute in range(7)]
    for minute, number in sorted(said, key=lambda each: (each[1], -each[0])):
        sent_at = clock.now() + timedelta(minutes=minute, seconds=3 * number)
        assert throttle.find_excess(make_message(f"{minute} {number}", sent_at), SCOPE) is None


def test_one_too_many_waits_until_the_minute_is_over() -> None:
    throttle, clock = make_throttle()
    for number in range(REPLIES_PER_MINUTE):
        throttle.find_excess(make_message(f"a{number}", clock.now()), SCOPE)
    late = clock.now() + timedelta(seconds=45)
    refused = [throttle.find_excess(make_message(each, late), SCOPE) for each in "bbc"]
    assert refused == [TooFast(15.0, is_first=True)] * 2 + [TooFast(15.0, is_first=False)]


def make_message(message_id: str, sent_at: datetime) -> Message:
    cat = Sender("cat", "cat")
    return Message(message_id, "room", RoomType.DIRECT, cat, "!help", sent_at)
