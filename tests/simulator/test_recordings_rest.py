"""What a real server answered over REST, the simulated workspace answers too."""

from pathlib import Path

import pytest

from tests.simulator.replay import SAMPLES, Replay


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.jsonl")), ids=lambda path: path.stem)
async def test_rest_answers_are_the_recorded_ones(path: Path) -> None:
    report = await Replay(path).run()

    if report.answers:
        pytest.fail(f"{len(report.answers)} rows\n" + "\n".join(report.answers), pytrace=False)
