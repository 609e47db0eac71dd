"""A hundred people due in the same minute, with faults and a kill; ``make rush`` has more."""

from pathlib import Path

import pytest

from tests.stress.rush.run import Plan, rush
from tests.support.fuzzing import ReportLine


@pytest.mark.parametrize("processes", [1, 2])
async def test_everybody_gets_their_report_once_or_is_told_why_not(
    processes: int, tmp_path: Path, request: pytest.FixtureRequest, report_line: ReportLine
) -> None:
    url = request.getfixturevalue("postgres_url") if processes > 1 else ""
    plan = Plan(due=100, asking=0, processes=processes, database=url, has_calm=False)
    outcome = await rush(plan, tmp_path, lambda _: None)
    kind = "PostgreSQL, one of two processes killed" if url else "SQLite, killed and restarted"
    report_line(f"rush, {kind}: {outcome.hard.figures}; {outcome.hard.seconds:.0f} s")
    assert outcome.hard.figures.is_clean, outcome.hard.figures
    assert outcome.ends["killed"] == 1
