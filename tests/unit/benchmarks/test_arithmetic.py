"""The figures of the benchmarks come from the right arithmetic."""

import math
from collections.abc import Sequence

import pytest

from benchmarks.arithmetic import (
    AnswerCounts,
    Command,
    count,
    find_delays,
    find_percentile,
    find_rate,
    pair_ratios,
    spread,
)


def said(at: float, *replies: float) -> Command:
    return Command("c", at, replies)


def test_what_is_never_answered_is_lost_and_every_further_answer_is_one_too_many() -> None:
    counted = count([said(0), said(0, 1), said(0, 1, 2), said(0, 1, 2, 3)])
    assert counted == AnswerCounts(said=4, answered=3, twice=3)
    assert counted.lost == 1


def test_an_answer_too_many_does_not_make_up_for_a_lost_one() -> None:
    counted = count([said(0), said(0, 1, 2)])
    assert (counted.lost, counted.twice) == (1, 1)


def test_answer_counts_add_up() -> None:
    assert AnswerCounts(3, 2, 1) + AnswerCounts(10, 10, 0) == AnswerCounts(13, 12, 1)


def test_a_delay_is_to_the_first_answer_in_milliseconds_and_lost_commands_have_none() -> None:
    assert find_delays([said(1.0, 1.5, 1.25), said(2.0)]) == [250.0]


def test_a_rate_is_from_the_first_command_to_the_last_first_answer() -> None:
    assert find_rate([said(0.0, 1.0, 9.0), said(0.5, 2.0), said(1.0)]) == 1.0
    assert find_rate([said(0.0)]) == 0.0


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [
        (range(1, 101), 0.5, 50),
        (range(1, 101), 0.99, 99),
        (range(1, 101), 1.0, 100),
        ([3.0], 0.5, 3.0),
        ([5.0, 1.0], 0.0, 1.0),
    ],
)
def test_a_percentile_is_a_value_that_was_measured(
    values: Sequence[float], share: float, expected: float
) -> None:
    assert find_percentile(values, share) == expected


def test_nothing_has_no_percentile_and_no_median() -> None:
    assert math.isnan(find_percentile([], 0.5))
    assert spread([]).count == 0


def test_a_spread_leaves_out_what_was_not_measured() -> None:
    found = spread([3.0, math.nan, 1.0, 2.0])
    assert (found.middle, found.least, found.most, found.count) == (2.0, 1.0, 3.0, 3)


def test_ratios_are_of_the_same_repetition() -> None:
    assert pair_ratios([2.0, 9.0, 5.0], [1.0, 3.0, 0.0]) == [2.0, 3.0]
