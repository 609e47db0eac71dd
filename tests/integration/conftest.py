"""A scripted REST server, and clients of it."""

from collections.abc import AsyncIterator

import pytest

from bot.rocketchat.rest import Rest, open_rest
from tests.integration.scripted_rest import BOT, Script, open_script


@pytest.fixture
async def script() -> AsyncIterator[Script]:
    async with open_script() as script:
        yield script


@pytest.fixture
async def rest(script: Script) -> AsyncIterator[Rest]:
    async with open_rest(script.url, BOT, pause=0.01) as rest:
        yield rest


@pytest.fixture
async def hasty(script: Script) -> AsyncIterator[Rest]:
    """A client that waits no longer than half a second for an answer."""
    async with open_rest(script.url, BOT, timeout=0.5, pause=0.01) as rest:
        yield rest
