"""A short ``make rush``: a hundred reports due in one minute, with faults and a kill."""

from pathlib import Path

import pytest

from tests.stress.rush.run import Plan, rush
from tests.support.fuzzing import ReportLine


@pytest.mark.parametrize("processes", [1, 2])
async def test_everybody_gets_their_report_once_or_is_told_why_not(
    processes: int, tmp_path: Path, request: pytest.FixtureRequest, report_line: ReportLine
) -> None:
    url = request.getfixturevalue("postgres_url") if processes > 1 else ""
    plan = Plan(due=100, asking=0, processes=processes, storage_url=url, has_calm=False)
    outcome = await rush(plan, tmp_path, lambda _: None)
    kind = "PostgreSQL, one of two processes killed" if url else "SQLite, killed and restarted"
    report_line(f"rush, {kind}: {outcome.hard.counts}; {outcome.hard.seconds:.0f} s")
    assert outcome.hard.counts.is_clean, outcome.hard.counts
    assert outcome.ends["killed"] == 1
