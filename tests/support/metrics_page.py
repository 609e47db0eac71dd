"""The table of metrics in ``docs/operating.md``, which ``test_metrics.py`` compares with a bot."""

import re
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "operating.md"
PREFIX = "session_bot_"
_CODE = re.compile(r"`([^`]+)`")


@dataclass(frozen=True)
class MetricRow:
    """A metric's labels, and all words in code type of its row: the values of labels among them."""

    labels: frozenset[str]
    words: frozenset[str]
    is_histogram: bool


def read_metrics() -> dict[str, MetricRow]:
    """Return the rows by the metrics' names, without their prefix."""
    section = PAGE.read_text().partition("\n## Metrics\n")[2].partition("\n## ")[0]
    rows: dict[str, MetricRow] = {}
    for line in section.splitlines():
        if not line.startswith("| `"):
            continue
        names, labels, text = (cell.strip() for cell in line.strip("|").split("|"))
        words = frozenset(_CODE.findall(text))
        for name in _CODE.findall(names):
            is_histogram = name.endswith("_seconds") and text.startswith("histogram")
            rows[name] = MetricRow(frozenset(_CODE.findall(labels)), words, is_histogram)
    return rows


def find_row(series: str) -> MetricRow | None:
    """Return the row of a series, as Prometheus names it; None where no bot shows it."""
    rows, name = read_metrics(), series.removeprefix(PREFIX)
    if row := rows.get(name):
        return None if row.is_histogram or not series.startswith(PREFIX) else row
    base = re.sub(r"_(bucket|sum|count)$", "", name)
    row = rows.get(base)
    return row if row and row.is_histogram else None
