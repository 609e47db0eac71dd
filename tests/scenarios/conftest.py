import io
from collections.abc import Iterator

import pytest
import structlog

from bot.logs import open_logs


@pytest.fixture
def version(request: pytest.FixtureRequest) -> str:
    """Return the workspace's version: 8.3, except for tests marked ``on_each_version``."""
    return str(getattr(request, "param", "8.3"))


@pytest.fixture(params=["text", "json"])
def logged(request: pytest.FixtureRequest) -> Iterator[io.StringIO]:
    """Log everything, in either style; yield what is logged."""
    stream = io.StringIO()
    open_logs("DEBUG", request.param, stream)
    yield stream
    structlog.reset_defaults()
