"""What the bot did in a period, in numbers. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from math import inf

from bot.metrics import CommandOutcome, ReportOutcome


@dataclass(frozen=True, slots=True)
class Stats:
    """Sums by name, as ``Metrics.read_totals`` names them, of all processes since ``since``."""

    since: datetime
    sums: Mapping[str, int]

    @property
    def commands(self) -> int:
        """The number of commands, however they ended."""
        return sum(self.count(outcome) for outcome in CommandOutcome)

    @property
    def failures(self) -> int:
        """The number of commands that failed through no fault of the person."""
        failed = self.count(CommandOutcome.FAILED) + self.count(CommandOutcome.INTERNAL_ERROR)
        return failed + self.sum("replies_undelivered")

    def count(self, what: CommandOutcome | ReportOutcome) -> int:
        """Return how many commands, or reports, ended like that."""
        noun = "commands" if isinstance(what, CommandOutcome) else "reports"
        return self.sum(f"{noun} {what}")

    def sum(self, name: str) -> int:
        """Return a sum; 0 where nothing was counted."""
        return self.sums.get(name, 0)

    def find_wait(self, share: float) -> float | None:
        """Return the seconds within which that share of the answers came.

        Waiting times are counted in classes: this is the upper end of one, infinite beyond the
        last. None where nothing was answered.
        """
        classes = sorted(
            (float(name.removeprefix("within ")), count)
            for name, count in self.sums.items()
            if name.startswith("within ")
        )
        total = classes[-1][1] if classes else 0
        if not total:
            return None
        return next((bound for bound, count in classes if count >= share * total), inf)


@dataclass(frozen=True, slots=True)
class WorkspaceStatus:
    """The bot and its workspace at present; ``limit`` is in calls a minute and route, if known."""

    version: str
    workspace_version: str
    connected: int
    watched: int
    limit: int | None
    next_at: datetime
