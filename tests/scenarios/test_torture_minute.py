"""A short ``make torture``."""

from pathlib import Path

import pytest

from tests.stress.torture.plan import Amount, Plan
from tests.stress.torture.report import format_outcome, format_summary
from tests.stress.torture.run import torture
from tests.support.fuzzing import ReportLine

SEED = 5
SECONDS = 15.0
MINIMUM = Amount(commands=100, faults=8, kills=3)


@pytest.mark.parametrize("bots", [1, 2])
async def test_through_faults_and_kills_everything_is_answered_once_and_in_order(
    bots: int, tmp_path: Path, request: pytest.FixtureRequest, report_line: ReportLine
) -> None:
    plan = Plan(
        seconds=SECONDS,
        minimum=MINIMUM,
        seed=SEED,
        bots=bots,
        storage_url=request.getfixturevalue("postgres_url") if bots > 1 else "",
        people=30,
        gap=2.0,
        fault_gap=0.7,
        kill_gap=0.3,
        quiet=2.0,
        folder=tmp_path,
    )
    outcome = await torture(plan)
    report_line(format_summary(outcome, bots))
    assert outcome.is_clean, format_outcome(outcome)
    assert outcome.tried.reaches(MINIMUM), format_outcome(outcome)
