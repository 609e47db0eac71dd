from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from bot.backoff import make_pauses
from bot.rocketchat.realtime import Backoff

TIMING = Backoff(first_pause=1, longest_pause=20)


def test_the_longest_possible_pause_doubles_up_to_its_limit() -> None:
    pauses = make_pauses(TIMING, random=lambda: 1.0)
    assert list(islice(pauses, 7)) == [1, 2, 4, 8, 16, 20, 20]


def test_any_part_of_it_may_be_drawn() -> None:
    draws = iter([0.5, 0.0, 0.25])
    assert list(islice(make_pauses(TIMING, lambda: next(draws)), 3)) == [0.5, 0.0, 1.0]


@given(st.floats(0, 1), st.floats(0.01, 100), st.floats(0.01, 100))
def test_no_pause_is_longer_than_the_limit(draw: float, first: float, longest: float) -> None:
    timing = Backoff(first_pause=first, longest_pause=longest)
    pauses = islice(make_pauses(timing, lambda: draw), 2000)
    assert all(0 <= pause <= longest for pause in pauses)


def test_a_dead_link_is_noticed_within_45_seconds() -> None:
    assert Backoff().silence + Backoff().pong <= 45
