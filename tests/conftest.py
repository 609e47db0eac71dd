import gc
import logging
import os
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import HealthCheck, settings

from tests.support.deadlines import TEST_TIMEOUT_S

pytest_plugins = ["tests.support.fuzzing", "tests.support.postgres", "tests.support.shell"]

# How long an example takes says more about the machine than about the code.
settings.register_profile(
    "quick",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,
    max_examples=25,
)
# ``make stress`` takes this one.
settings.register_profile("long", settings.get_profile("quick"), max_examples=1000)
settings.load_profile("quick")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Let the limit of pytest-timeout follow the machine, unless one is asked for."""
    if config.option.timeout is None:
        config.option.timeout = TEST_TIMEOUT_S


def pytest_collection_finish() -> None:
    """Collect garbage seldom and without what is there at the start, as the running bot does.

    With the defaults it took a sixth of the processor time of scenarios.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000)


@pytest.fixture(autouse=True)
def usual_logs() -> Iterator[None]:
    """Undo what a test has set up for the logs, which would hide those of later tests."""
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    yield
    structlog.reset_defaults()
    root.handlers[:] = before
    root.setLevel(level)


def pytest_xdist_auto_num_workers() -> int:
    """Return three workers for two cores: with four, time limits of seconds pass too often."""
    return 3 * (os.cpu_count() or 1) // 2
