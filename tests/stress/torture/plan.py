"""The settings of a run, and its results."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from tests.stress.bot_program import STOPPED_EARLY
from tests.stress.torture.ledger import CommandCounts


@dataclass(frozen=True)
class Amount:
    """How much was tried."""

    commands: int = 0
    faults: int = 0
    kills: int = 0

    def __str__(self) -> str:
        return f"{self.commands} commands, {self.faults} faults, {self.kills} kills"

    def reaches(self, other: "Amount") -> bool:
        """Return whether it is as much as the other in each."""
        return (
            self.commands >= other.commands
            and self.faults >= other.faults
            and self.kills >= other.kills
        )


@dataclass(frozen=True)
class Plan:
    """The settings of a run; times in seconds, gaps on average.

    Faults happen for ``seconds``, and on for at most as long again, or the tests' usual deadline
    where that is longer, until ``minimum`` was tried.
    Afterwards the bots have ``quiet`` seconds in which they could still answer twice. Logs and the
    database are kept in ``folder``; without one, only where something went wrong. ``tell`` is
    called with the progress.
    """

    seconds: float = 600.0
    minimum: Amount = Amount()
    seed: int = 1
    bots: int = 1
    storage_url: str = ""
    people: int = 60
    gap: float = 3.6
    fault_gap: float = 1.5
    kill_gap: float = 1.0
    quiet: float = 20.0
    folder: Path | None = None
    tell: Callable[[str], None] = lambda _: None


@dataclass
class Outcome:
    """The results of a run."""

    counts: CommandCounts
    faults: Counter[str]
    ends: Counter[str]
    seconds_to_last_answer: float
    skew: timedelta
    server: str
    memory: list[float] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        """Return whether nothing was lost, and each bot ended as it was made to."""
        expected = {"killed", "stopped", STOPPED_EARLY}
        return self.counts.is_clean and self.ends.keys() <= expected

    @property
    def tried(self) -> Amount:
        """How much was tried."""
        return Amount(self.counts.said, self.faults.total(), self.ends["killed"])
