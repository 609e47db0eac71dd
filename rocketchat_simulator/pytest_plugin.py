"""A fixture for pytest: ``pytest_plugins = ["rocketchat_simulator.pytest_plugin"]`` in conftest.py.

It needs pytest-asyncio. The mark ``rocketchat`` passes settings to ``Simulator``, as
``@pytest.mark.rocketchat(version="6.5")``.
"""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from rocketchat_simulator.server import Simulator


def pytest_configure(config: pytest.Config) -> None:
    """Register the mark."""
    config.addinivalue_line("markers", "rocketchat(**settings): settings of the Simulator")


@pytest_asyncio.fixture
async def rocketchat(request: pytest.FixtureRequest) -> AsyncIterator[Simulator]:
    """Return a simulator that listens on a free port until the test ends."""
    mark = request.node.get_closest_marker("rocketchat")
    async with Simulator(**(mark.kwargs if mark else {})) as simulator:
        yield simulator
