"""The results of a scenario: tables, targets, and bars for the picture."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.arithmetic import AnswerCounts, Spread

NOTHING = _TO = "\N{EN DASH}"


@dataclass(frozen=True)
class Table:
    """A table of the report; ``notes`` stand under it."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class Target:
    """A promised figure; ``is_least`` where more is better, NaN where it was not measured."""

    number: str
    text: str
    value: float
    limit: float
    unit: str = ""
    is_least: bool = False
    details: str = ""

    @property
    def is_met(self) -> bool:
        """Whether it was met."""
        return self.value >= self.limit if self.is_least else self.value <= self.limit

    @property
    def verdict(self) -> str:
        """The word for the report."""
        if math.isnan(self.value):
            return "not measured"
        return "met" if self.is_met else "**not met**"


@dataclass(frozen=True)
class Bar:
    """A bar of the picture, in the panel of that title; less is better unless it says otherwise."""

    panel: str
    label: str
    value: float
    text: str


@dataclass
class Results:
    """All results of one scenario."""

    tables: list[Table] = field(default_factory=list)
    targets: list[Target] = field(default_factory=list)
    bars: list[Bar] = field(default_factory=list)
    answer_counts: dict[str, AnswerCounts] = field(default_factory=dict)

    def note(self, title: str, counted: AnswerCounts) -> None:
        """Add to the counts of one contestant."""
        self.answer_counts[title] = self.answer_counts.get(title, AnswerCounts()) + counted


def format_number(value: float) -> str:
    """Format a number with three significant digits."""
    if math.isnan(value):
        return NOTHING
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2  # noqa: PLR2004 - digits
    return f"{value:,.{digits}f}"


def format_spread(found: Spread) -> str:
    """Format a median with its range."""
    if not found.count:
        return NOTHING
    middle = format_number(found.middle)
    if found.count == 1:
        return middle
    return f"{middle} ({format_number(found.least)}{_TO}{format_number(found.most)})"
