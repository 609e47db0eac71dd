"""Figures quoted in README and docs are those of the last run, in ``benchmarks/RESULTS.md``."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmarks.contestants import ALL, FLOOR, OURS
from bot.formatting.locale import LANGUAGES

ROOT = Path(__file__).parents[3]
NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")
ROUNDED = 0.05  # "about 90" may stand for 88.6


@dataclass(frozen=True)
class Table:
    """A table of the results: the cells of each row by the row's name, and the columns' names."""

    columns: list[str]
    rows: dict[str, list[str]]

    def find(self, row: str, column: str) -> str:
        return self.rows[row][self.columns.index(column)]


def read_table(title: str) -> Table:
    _, _, after = (ROOT / "benchmarks" / "RESULTS.md").read_text().partition(f"## {title}\n")
    body = after.partition("\n## ")[0]
    lines = [line for line in body.splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    # The promised figures are named by their second column, as many share a number.
    name = 1 if cells[0][1] == "" else 0
    return Table(cells[0], {row[name]: row for row in cells[2:]})


def find_numbers(text: str) -> list[float]:
    return [float(each.replace(",", "")) for each in NUMBER.findall(text)]


def measured(row: str) -> Callable[[], Sequence[float]]:
    return lambda: find_numbers(read_table("What was promised").find(row, "measured"))


def promised(row: str) -> Callable[[], Sequence[float]]:
    return lambda: find_numbers(read_table("What was promised").find(row, "promised"))


def details(row: str, skip: int = 0) -> Callable[[], Sequence[float]]:
    return lambda: find_numbers(read_table("What was promised").rows[row][-1])[skip:]


def counted(column: str) -> Callable[[], Sequence[float]]:
    table = "Answered, lost, said twice"
    return lambda: find_numbers(read_table(table).find("session-bot", column))


def calls_at_the_start() -> Sequence[float]:
    table = read_table("From the start to the first answer, in seconds")
    return find_numbers(table.find("session-bot", "REST calls"))


def count_promises() -> Sequence[float]:
    return [len(read_table("What was promised").rows)]


P50 = "`!session` round trip, p50, by the floor's"
P99 = "`!session` round trip, p99, by the floor's"
BURST = "`!session` in a burst on one core, by the floor's"
FRAME = "CPU per ignored frame, by rocketchat-async's"
TWO = "two processes, by one, in two cores' worth of work"
LATE = "two processes, by one, where lists come late"
FIRST = "start to the first answer"
BENCH = "benchmarks/README.md"


@dataclass(frozen=True)
class Quote:
    """A sentence of a page, with a group for each figure in it, and where they come from."""

    page: str
    sentence: str
    source: Callable[[], Sequence[float]]
    is_rounded: bool = False


QUOTES = (
    Quote("README.md", r"of ([\d,]+) commands, said through", counted("commands")),
    Quote(
        "docs/operating.md",
        r"About (\d+) MiB of memory",
        measured("memory at rest"),
        is_rounded=True,
    ),
    Quote(
        "docs/operating.md",
        r"and (\d+) more for a hundred thousand connected people",
        measured("memory more with 100,000 accounts"),
        is_rounded=True,
    ),
    Quote(BENCH, r"In this run all (\d+) figures promised were reached", count_promises),
    Quote(BENCH, r"makes ([\d.]+) of the floor's answers for a second", measured(BURST)),
    Quote(BENCH, r"for a second of CPU \(([\d.]+) \S was promised\)", promised(BURST)),
    Quote(BENCH, r"takes ([\d.]+) \S the floor's p50", measured(P50)),
    Quote(BENCH, r"the floor's p50 \(([\d.]+) \S was promised\)", promised(P50)),
    Quote(BENCH, r"and ([\d.]+) \S its p99", measured(P99)),
    Quote(BENCH, r"its p99 \(([\d.]+) \S\)", promised(P99)),
    Quote(
        BENCH,
        r"([\d.]+) ms to ([\d.]+) ms, and [\d.]+ ms to [\d.]+ ms",
        lambda: details(P50)()[:2],
    ),
    Quote(BENCH, r"ms, and ([\d.]+) ms to ([\d.]+) ms", lambda: details(P99)()[:2]),
    Quote(BENCH, r"seven ratios went from ([\d.]+) to ([\d.]+)", details(P50, skip=3)),
    Quote(BENCH, r"costs ([\d.]+) of what rocketchat-async takes", measured(FRAME)),
    Quote(
        BENCH,
        r"One process makes (\d+) a second on",
        measured("reports a second, SQLite, 1 process"),
    ),
    Quote(
        BENCH,
        r"on SQLite and (\d+) on PostgreSQL",
        measured("reports a second, PostgreSQL, 1 process"),
    ),
    Quote(
        BENCH,
        r"on PostgreSQL \((\d+) promised\)",
        promised("reports a second, PostgreSQL, 1 process"),
    ),
    Quote(BENCH, r"make ([\d.]+) \S one's reports by CPU", measured(TWO)),
    Quote(BENCH, r"one's reports by CPU \(([\d.]+) \S promised", promised(TWO)),
    Quote(BENCH, r"they are ([\d.]+) \S one by the clock", measured(LATE)),
    Quote(BENCH, r"the first answer\*\* ([\d.]+) s go by", measured(FIRST)),
    Quote(BENCH, r"s go by \((\d+) s promised\)", promised(FIRST)),
)


def read_words(page: str) -> str:
    return " ".join((ROOT / page).read_text().split())


def find_difference(quote: Quote) -> str:
    """Return what is wrong with a quote; empty if it is right."""
    found = re.findall(quote.sentence, read_words(quote.page))
    if len(found) != 1:
        return f"{quote.page}: {len(found)} sentences match {quote.sentence}"
    groups = found[0] if isinstance(found[0], tuple) else (found[0],)
    quoted, right = find_numbers(" ".join(groups)), list(quote.source())
    share = ROUNDED if quote.is_rounded else 0.0
    if quoted == pytest.approx(right, rel=share, abs=0):
        return ""
    return f"{quote.page} says {quoted} in {quote.sentence!r}; RESULTS.md has {right}"


def test_quoted_numbers_are_those_of_the_last_run() -> None:
    wrong = [difference for quote in QUOTES if (difference := find_difference(quote))]
    assert not wrong, "\n".join(wrong)


def test_what_readme_says_in_words_is_so() -> None:
    words = read_words("README.md")
    assert "the bot lost none and answered none twice" in words
    assert (counted("lost")(), counted("twice")()) == ([0], [0])
    others = [each for each in ALL if each not in {FLOOR, OURS}]
    libraries = {each.title.partition(",")[0] for each in others}
    assert "beside a bare floor and four other libraries" in words
    assert len(libraries) == 4
    assert "**REST calls at the start** are five" in read_words(BENCH)
    assert calls_at_the_start() == [5]


def test_what_is_counted_in_this_repository_is_counted_right() -> None:
    words = read_words("README.md")
    page = (ROOT / "docs" / "other-bots.md").read_text()
    reports = [line for line in page.splitlines() if line.startswith("| [")]
    assert "[Fourteen kinds of reports](docs/other-bots.md)" in words
    assert len(reports) == 14
    spoken = re.search(r"It speaks (.+?): \[docs/translating", words)
    assert spoken
    assert len(re.split(r", | and ", spoken[1])) == len(LANGUAGES)


def test_two_pages_tell_the_same_of_reports_side_by_side() -> None:
    first = re.findall(r"PostgreSQL went from (\d+) to (\d+)", read_words("docs/architecture.md"))
    second = re.findall(r"took PostgreSQL from (\d+) to (\d+)", read_words(BENCH))
    assert first == second
    assert len(first) == 1
