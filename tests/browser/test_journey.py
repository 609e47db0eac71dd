import pytest
from playwright.async_api import Browser, Page

from tests.browser.demo_page import NARROW, WIDE
from tests.browser.journey import open_newcomer

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def no_picture(_page: Page, _what: str) -> None:
    return


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "phone"])
async def test_a_newcomer_gets_to_the_answer_by_what_the_page_and_the_bot_say(
    browser: Browser, size: tuple[int, int]
) -> None:
    async with open_newcomer(browser, size, no_picture) as newcomer:
        await newcomer.go_through()
        await newcomer.mention()
