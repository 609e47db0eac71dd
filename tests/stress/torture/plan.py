"""What a run is like, and what came of it."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from tests.stress.torture.ledger import Figures
from tests.stress.torture.programs import STOPPED_EARLY


@dataclass(frozen=True)
class Amount:
    """How much was tried."""

    commands: int = 0
    faults: int = 0
    kills: int = 0

    def __str__(self) -> str:
        return f"{self.commands} commands, {self.faults} faults, {self.kills} kills"

    def reaches(self, other: "Amount") -> bool:
        """Return whether it is as much as the other in everything."""
        least = (other.commands, other.faults, other.kills)
        mine = (self.commands, self.faults, self.kills)
        return all(one >= two for one, two in zip(mine, least, strict=True))


@dataclass(frozen=True)
class Plan:
    """What a run is like; times in seconds, gaps on average.

    Things go wrong for ``seconds``; on a busy machine for longer, until the ``least`` was tried,
    but at most for twice as long. When everything is answered and finished, ``afterthoughts`` is
    how long the bots may still say something twice. ``folder`` is where logs and the database go;
    without it they are kept only where something went wrong. ``tell`` is told how it goes.
    """

    seconds: float = 600.0
    least: Amount = Amount()
    seed: int = 1
    bots: int = 1
    database: str = ""
    people: int = 60
    gap: float = 3.6
    fault_gap: float = 1.5
    kill_gap: float = 1.0
    afterthoughts: float = 20.0
    folder: Path | None = None
    tell: Callable[[str], None] = lambda _: None


@dataclass
class Outcome:
    """What came of it."""

    figures: Figures
    faults: Counter[str]
    ends: Counter[str]
    seconds_to_last_answer: float
    skew: timedelta
    flavour: str
    memory: list[float] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        """Whether the bot has stood it."""
        expected = {"killed", "stopped", STOPPED_EARLY}
        return self.figures.is_clean and self.ends.keys() <= expected

    @property
    def tried(self) -> Amount:
        """How much was tried."""
        return Amount(self.figures.said, self.faults.total(), self.ends["killed"])
