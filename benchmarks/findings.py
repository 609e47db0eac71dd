"""What a scenario found: tables, targets, and what goes into the picture."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.arithmetic import Spread, Tally

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
    """A figure that was promised; ``is_least`` where more is better. NaN is a figure not taken."""

    number: str
    text: str
    value: float
    limit: float
    unit: str = ""
    is_least: bool = False
    details: str = ""

    @property
    def is_met(self) -> bool:
        """Whether it was reached."""
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
class Findings:
    """Everything that one scenario found."""

    tables: list[Table] = field(default_factory=list)
    targets: list[Target] = field(default_factory=list)
    bars: list[Bar] = field(default_factory=list)
    tallies: dict[str, Tally] = field(default_factory=dict)

    def note(self, title: str, tally: Tally) -> None:
        """Add to what was answered, lost and said twice by somebody."""
        self.tallies[title] = self.tallies.get(title, Tally()) + tally


def format_number(value: float) -> str:
    """Write a figure with three digits that count."""
    if math.isnan(value):
        return NOTHING
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2  # noqa: PLR2004 - digits
    return f"{value:,.{digits}f}"


def format_spread(found: Spread) -> str:
    """Write a median with its range."""
    if not found.count:
        return NOTHING
    middle = format_number(found.middle)
    if found.count == 1:
        return middle
    return f"{middle} ({format_number(found.least)}{_TO}{format_number(found.most)})"
