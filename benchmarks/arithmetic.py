"""Computes the figures of a report from commands and their answers; no I/O."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Command:
    """A command, when it was said, and when it was answered; seconds of one clock."""

    id: str
    said_at: float
    replies: tuple[float, ...]


@dataclass(frozen=True)
class AnswerCounts:
    """How many commands were said, answered, and answered twice."""

    said: int = 0
    answered: int = 0
    twice: int = 0

    @property
    def lost(self) -> int:
        """How many were never answered."""
        return self.said - self.answered

    def __add__(self, other: "AnswerCounts") -> "AnswerCounts":
        """Count both together."""
        return AnswerCounts(
            self.said + other.said, self.answered + other.answered, self.twice + other.twice
        )


@dataclass(frozen=True)
class Spread:
    """The median of repetitions, with the smallest and the largest."""

    middle: float
    least: float
    most: float
    count: int


def count(commands: Iterable[Command]) -> AnswerCounts:
    """Count what was answered; an answer too many is one ``twice`` each."""
    found = list(commands)
    answered = sum(bool(each.replies) for each in found)
    extra = sum(max(0, len(each.replies) - 1) for each in found)
    return AnswerCounts(len(found), answered, extra)


def find_delays(commands: Iterable[Command]) -> list[float]:
    """Return the time from each answered command to its first answer, in milliseconds."""
    return [1000 * (min(each.replies) - each.said_at) for each in commands if each.replies]


def find_rate(commands: Sequence[Command]) -> float:
    """Return answers per second, from the first command to the last answer; 0 without any."""
    answers = [min(each.replies) for each in commands if each.replies]
    if not answers:
        return 0.0
    lasted = max(answers) - min(each.said_at for each in commands)
    return len(answers) / lasted if lasted > 0 else math.inf


def find_percentile(values: Iterable[float], share: float) -> float:
    """Return the value that ``share`` of all do not exceed (nearest rank); NaN of none."""
    ordered = sorted(values)
    if not ordered:
        return math.nan
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def spread(values: Iterable[float]) -> Spread:
    """Return the median and the range; what is not a number is left out."""
    found = [value for value in values if not math.isnan(value)]
    if not found:
        return Spread(math.nan, math.nan, math.nan, 0)
    return Spread(median(found), min(found), max(found), len(found))


def pair_ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Divide repetition by repetition, so that the machine's other load cancels out."""
    return [one / other for one, other in zip(ours, theirs, strict=False) if other]
