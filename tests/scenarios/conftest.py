import pytest


@pytest.fixture
def version(request: pytest.FixtureRequest) -> str:
    """Return the workspace's version: 8.3, except for tests marked ``on_each_version``."""
    return str(getattr(request, "param", "8.3"))
