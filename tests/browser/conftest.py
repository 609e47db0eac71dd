from collections.abc import AsyncIterator

import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.browser.demo_page import TIMEOUT_MS, open_browser

expect.set_options(timeout=TIMEOUT_MS)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Open one Chromium for all tests of a process: starting it takes longer than most of them."""
    async with open_browser() as opened:
        yield opened
