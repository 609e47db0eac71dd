"""A scripted REST server, and clients of it."""

from collections.abc import AsyncIterator

import pytest

from bot.rocketchat.client import RestClient, open_rest_client
from tests.support.scripted_rest import BOT, Script, open_script


@pytest.fixture
async def script() -> AsyncIterator[Script]:
    async with open_script() as script:
        yield script


@pytest.fixture
async def rest(script: Script) -> AsyncIterator[RestClient]:
    async with open_rest_client(script.url, BOT, retry_pause_s=0.01) as rest:
        yield rest


@pytest.fixture
async def short_timeout_rest(script: Script) -> AsyncIterator[RestClient]:
    """A client that waits no longer than half a second for an answer."""
    async with open_rest_client(script.url, BOT, timeout_s=0.5, retry_pause_s=0.01) as rest:
        yield rest
