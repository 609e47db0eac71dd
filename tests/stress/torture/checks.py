"""The result of an attack or failure that is tried by itself, beside the faults and kills."""

from dataclasses import dataclass
from statistics import quantiles
from typing import Final

_PARTS: Final = 20  # of a distribution: the last bound but none is the 95th percentile


@dataclass(frozen=True)
class StressResult:
    """How one check ended; ``numbers`` are for people."""

    name: str
    numbers: str
    is_passed: bool

    def __str__(self) -> str:
        return f"{self.name}: {'passed' if self.is_passed else 'FAILED'}; {self.numbers}"


def find_p95(values: list[float]) -> float:
    """Return the 95th percentile."""
    return quantiles(values, n=_PARTS)[-1]
