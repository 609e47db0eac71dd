from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from bot.backoff import Backoff, make_pauses
from bot.dispatcher.receiver import MAX_STREAM_DELAY
from bot.rocketchat.realtime import RealtimeSettings

BACKOFF = Backoff(first_pause_s=1, max_pause_s=20)


def test_the_ceiling_of_the_pauses_doubles_up_to_its_limit() -> None:
    pauses = make_pauses(BACKOFF, random=lambda: 1.0)
    assert list(islice(pauses, 7)) == [1, 2, 4, 8, 16, 20, 20]


def test_a_pause_may_be_any_part_of_the_ceiling() -> None:
    draws = iter([0.5, 0.0, 0.25])
    assert list(islice(make_pauses(BACKOFF, lambda: next(draws)), 3)) == [0.5, 0.0, 1.0]


@given(st.floats(0, 1), st.floats(0.01, 100), st.floats(0.01, 100))
def test_no_pause_is_longer_than_the_limit(draw: float, first: float, longest: float) -> None:
    backoff = Backoff(first_pause_s=first, max_pause_s=longest)
    pauses = islice(make_pauses(backoff, lambda: draw), 2000)
    assert all(0 <= pause <= longest for pause in pauses)


def test_a_half_open_connection_is_noticed_within_20_seconds() -> None:
    settings = RealtimeSettings()
    assert settings.ping_after_s == 8
    assert settings.ping_after_s + settings.pong_timeout_s <= 18


def test_a_connection_that_loses_messages_is_replaced_within_60_seconds() -> None:
    assert RealtimeSettings().recheck_every_s + MAX_STREAM_DELAY.total_seconds() <= 55
