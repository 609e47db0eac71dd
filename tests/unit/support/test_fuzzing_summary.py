"""What tests count and report is told at the end of the run, from pytest-xdist's workers too."""

import subprocess
import sys
from pathlib import Path

import pytest

TESTS = """
def test_counting(inputs, report_line):
    inputs["frames"] += 1200
    report_line("commands said: 500")

def test_counting_more(inputs):
    inputs["frames"] += 34
"""


@pytest.mark.parametrize("options", [[], ["-n", "1"]], ids=["one process", "workers"])
def test_counts_and_lines_stand_in_the_summary(
    options: list[str], tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    (tmp_path / "test_it.py").write_text(TESTS)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    python = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "tests.support.fuzzing",
        "--rootdir",
        str(tmp_path),
    ]
    told = subprocess.run(  # noqa: S603 - our own plugin, in a run of its own
        [*python, *options, str(tmp_path)],
        cwd=pytestconfig.rootpath,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "fuzzing: 1,234 inputs tried" in told
    assert "    1,234  frames" in told
    assert told.count("commands said: 500") == 1
