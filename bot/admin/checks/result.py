"""The results of checks, as lines for people or as JSON for programs."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum


class Level(StrEnum):
    """Whether the bot can work: yes, yes with limits, no."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What was found about a subject, and what to do about it; never contains a secret."""

    level: Level
    subject: str
    text: str
    remedy: str = ""

    def __str__(self) -> str:
        text = " ".join(self.text.split())
        if self.remedy:
            text += f"{'' if text.endswith(('.', '?', '!')) else '.'} {self.remedy}"
        return f"{self.level:<8} {self.subject:<11} {text}"


def find_worst(results: Sequence[CheckResult]) -> Level:
    """Return the worst level of all."""
    found = {each.level for each in results}
    return next((level for level in (Level.PROBLEM, Level.WARNING) if level in found), Level.OK)


def format_json(results: Sequence[CheckResult]) -> str:
    """Return ``status``, the worst level, and ``results`` with their fields, in order.

    docs/operating.md describes it; a later version may add keys.
    """
    document = {"status": find_worst(results), "results": [asdict(each) for each in results]}
    return json.dumps(document, indent=2)


def make_ok(subject: str, text: str) -> CheckResult:
    """Make the result of a check that succeeded."""
    return CheckResult(Level.OK, subject, text)


def make_warning(subject: str, text: str, remedy: str = "") -> CheckResult:
    """Make the result of a check that found something the bot can work with."""
    return CheckResult(Level.WARNING, subject, text, remedy)


def make_problem(subject: str, text: str, remedy: str = "") -> CheckResult:
    """Make the result of a check that found something the bot cannot work with."""
    return CheckResult(Level.PROBLEM, subject, text, remedy)
