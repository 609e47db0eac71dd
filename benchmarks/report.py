"""The report: what was found, as Markdown."""

from collections.abc import Mapping, Sequence

from benchmarks.arithmetic import AnswerCounts
from benchmarks.contestants import ABSENT, ALL
from benchmarks.results import NOTHING, Results, Table, Target, format_number

_INTRODUCTION = """\
# Side by side

Made by `make bench`; [README.md](README.md) says how, and what each figure means. Figures are the
median of all repetitions, with the smallest and the largest in brackets. Contestants take turns in
the same run, the simulated workspace on one processor, the contestant on another.
"""


def format_report(
    machine: Sequence[str], settings: str, results: Mapping[str, Results], picture: str
) -> str:
    """Write the whole report; ``picture`` is the file that it shows."""
    found = list(results.values())
    targets = [target for each in found for target in each.targets]
    parts = [
        _INTRODUCTION.rstrip(),
        "\n".join(f"- {line}" for line in [*machine, settings]),
        "## What was promised",
        _format_targets(targets),
        f"![Bars that compare the contestants]({picture})" if picture else "",
        "## Answered, lost, said twice",
        _format_answer_counts(found),
        "## Who was measured",
        _format_contestants(),
        *(_format_table(table) for each in found for table in each.tables),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def format_targets(targets: Sequence[Target]) -> str:
    """Write the targets as lines for a terminal."""
    return "\n".join(
        f"{each.number}. {each.text}: {_format_value(each)}, promised {_format_limit(each)}: "
        f"{each.verdict.strip('*')}" + (f" ({each.details})" if each.details else "")
        for each in targets
    )


def _format_targets(targets: Sequence[Target]) -> str:
    rows = [
        (
            each.number,
            each.text,
            _format_value(each),
            _format_limit(each),
            each.verdict,
            each.details,
        )
        for each in sorted(targets, key=lambda each: each.number)
    ]
    columns = ("", "", "measured", "promised", "", "")
    return _format_rows(columns, rows)


def _format_value(target: Target) -> str:
    return f"{format_number(target.value)} {target.unit}".strip()


def _format_limit(target: Target) -> str:
    sign = "≥" if target.is_least else "≤"
    return f"{sign} {target.limit:g} {target.unit}".strip()


def _format_answer_counts(found: Sequence[Results]) -> str:
    total: dict[str, AnswerCounts] = {}
    for each in found:
        for title, counted in each.answer_counts.items():
            total[title] = total.get(title, AnswerCounts()) + counted
    rows = [
        (
            title,
            *(
                f"{figure:,}"
                for figure in (counted.said, counted.answered, counted.lost, counted.twice)
            ),
        )
        for title, counted in total.items()
    ]
    return _format_rows(("", "commands", "answered", "lost", "twice"), rows)


def _format_contestants() -> str:
    rows = [
        (each.title, ", ".join(each.packages) or NOTHING, "; ".join(each.notes)) for each in ALL
    ]
    absent = [f"- {title} is not among them: {reason}." for title, reason in ABSENT]
    table = _format_rows(("", "installed, unpatched", "run as"), rows)
    return table + "\n\n" + "\n".join(absent)


def _format_table(table: Table) -> str:
    notes = "\n\n".join(table.notes)
    return f"## {table.title}\n\n{_format_rows(table.columns, table.rows)}\n\n{notes}".rstrip()


def _format_rows(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    line = "| " + " | ".join("---" for _ in columns) + " |"
    return "\n".join([_format_row(columns), line, *map(_format_row, rows)])


def _format_row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
