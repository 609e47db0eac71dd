"""Counts and lines of tests, printed at the end of the run.

A test with generated inputs takes ``inputs`` and counts each: ``inputs["frames"] += 1``. Any other
takes ``report_line`` and gives it a line to print. Both work in the workers of pytest-xdist too.
The profile of hypothesis decides how many inputs are tried: see ``tests/conftest.py``.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import settings

ReportLine = Callable[[str], None]

INPUTS = pytest.StashKey[Counter[str]]()
LINES = pytest.StashKey[list[str]]()
_SENT_INPUTS = "inputs tried"
_SENT_LINES = "lines to report"


def scale_examples(number: int, **others: Any) -> settings:  # noqa: ANN401 - hypothesis's own
    """Return settings with ``number`` examples for each hundred of the profile's."""
    profile = settings.get_profile(settings.get_current_profile_name())
    scaled = max(1, number * profile.max_examples // 100)
    return settings(max_examples=scaled, **others)


@pytest.fixture(scope="session")
def inputs(pytestconfig: pytest.Config) -> Counter[str]:
    """Return the counts of inputs by name, for tests to increase."""
    return pytestconfig.stash[INPUTS]


@pytest.fixture(scope="session")
def report_line(pytestconfig: pytest.Config) -> ReportLine:
    """Return what prints a line in the summary at the end of the run."""
    return pytestconfig.stash[LINES].append


def pytest_configure(config: pytest.Config) -> None:
    """Start with empty counts."""
    config.stash[INPUTS] = Counter()
    config.stash[LINES] = []


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Send a worker's counts to the controller."""
    output: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
    if output is not None:
        inputs = session.config.stash[INPUTS]
        output[_SENT_INPUTS] = dict(inputs)
        output[_SENT_LINES] = session.config.stash[LINES]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:  # noqa: ANN401 - a part of pytest-xdist, without types
    """Add a worker's counts; one that died has none."""
    output = getattr(node, "workeroutput", {})
    node.config.stash[INPUTS].update(output.get(_SENT_INPUTS, {}))
    node.config.stash[LINES].extend(output.get(_SENT_LINES, []))


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Print the counts, where there are any."""
    inputs, lines = config.stash[INPUTS], config.stash[LINES]
    if inputs:
        terminalreporter.section(f"fuzzing: {inputs.total():,} inputs tried")
        for name, count in sorted(inputs.items()):
            terminalreporter.write_line(f"{count:>9,}  {name}")
    if lines:
        terminalreporter.section("reported by tests")
        for line in lines:
            terminalreporter.write_line(line)
