"""The benchmarks' report says what was measured, also where that is not what was promised."""

import math
from xml.etree import ElementTree as ET

import pytest

from benchmarks.arithmetic import AnswerCounts, spread
from benchmarks.picture import draw
from benchmarks.report import format_report
from benchmarks.results import Bar, Results, Table, Target, format_number, format_spread


@pytest.mark.parametrize(
    ("value", "is_least", "verdict"),
    [
        (1.5, False, "met"),
        (1.6, False, "**not met**"),
        (1.5, True, "met"),
        (1.4, True, "**not met**"),
        (math.nan, False, "not measured"),
        (math.nan, True, "not measured"),
    ],
)
def test_a_target_is_met_or_it_is_not(value: float, is_least: bool, verdict: str) -> None:
    assert Target("1", "round trip", value, 1.5, is_least=is_least).verdict == verdict


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.123, "0.12"), (12.34, "12.3"), (1234.5, "1,234"), (math.nan, "\N{EN DASH}")],
)
def test_numbers_have_three_significant_digits(value: float, text: str) -> None:
    assert format_number(value) == text


def test_a_median_stands_with_its_range() -> None:
    assert format_spread(spread([1.0, 2.0, 4.0])) == "2.00 (1.00\N{EN DASH}4.00)"
    assert format_spread(spread([2.0])) == "2.00"
    assert format_spread(spread([])) == "\N{EN DASH}"


def test_the_report_shows_every_scenarios_tables_targets_and_counts() -> None:
    one, other = Results(), Results()
    one.tables = [Table("Speed", ("", "ms"), [("bot", "1.00")], ("A note.",))]
    one.targets = [Target("1", "fast enough", 3.0, 1.5, "x", details="3 ms to 1 ms")]
    one.note("bot", AnswerCounts(10, 9, 0))
    other.note("bot", AnswerCounts(1, 1, 1))
    report = format_report(["a machine"], "7 repetitions", {"a": one, "b": other}, "results.svg")
    assert "| 1 | fast enough | 3.00 x | ≤ 1.5 x | **not met** | 3 ms to 1 ms |" in report
    assert "| bot | 11 | 10 | 1 | 1 |" in report
    assert "## Speed\n\n|  | ms |\n| --- | --- |\n| bot | 1.00 |\n\nA note." in report
    assert "](results.svg)" in report


def test_the_picture_is_sound_and_its_longest_bar_fills_the_room() -> None:
    drawn = draw([Bar("a < b", "one", 5.0, "5"), Bar("a < b", "session-bot", 10.0, "10")])
    root = ET.fromstring(drawn)  # noqa: S314 - made here
    rails = [e for e in root.iter() if e.get("class") == "rail"]
    bars = [e for e in root.iter() if e.get("class") in {"bar", "own"}]
    assert [float(e.attrib["width"]) for e in bars] == [
        pytest.approx(float(rails[0].attrib["width"]) / 2),
        pytest.approx(float(rails[0].attrib["width"])),
    ]
