"""What a check finds, on one line."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """Whether the bot works like this: yes; yes, but; no."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """How something stands, and what to do about it; never with a secret."""

    level: Level
    subject: str
    words: str
    remedy: str = ""

    def __str__(self) -> str:
        remedy = f". {self.remedy}" if self.remedy else ""
        return f"{self.level:<8} {self.subject:<11} {' '.join(self.words.split())}{remedy}"


def make_ok(subject: str, words: str) -> CheckResult:
    """Find that all is well."""
    return CheckResult(Level.OK, subject, words)


def make_warning(subject: str, words: str, remedy: str = "") -> CheckResult:
    """Find something that the bot can live with."""
    return CheckResult(Level.WARNING, subject, words, remedy)


def make_problem(subject: str, words: str, remedy: str = "") -> CheckResult:
    """Find something that the bot cannot live with."""
    return CheckResult(Level.PROBLEM, subject, words, remedy)
