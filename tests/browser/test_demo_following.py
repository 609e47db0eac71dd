"""The column of messages follows what is new, or says that something new has come."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, expect

from tests.browser.demo_page import NARROW, DemoPage, open_demo_page
from tests.support.deadlines import DEADLINE_S

pytestmark = pytest.mark.asyncio(loop_scope="session")
MIDDLING = (900, 800)
LONG_TEXT = "\n".join(f"line {number}" for number in range(60))
DISTANCE_TO_END = "log => log.scrollHeight - log.scrollTop - log.clientHeight"


@pytest_asyncio.fixture(loop_scope="session")
async def demo(browser: Browser) -> AsyncIterator[DemoPage]:
    async with open_demo_page(browser) as opened:
        for number in range(30):
            opened.bot_says(f"message {number}")
        await opened.page.clock.install()
        await opened.sign_in()
        await expect(opened.page.get_by_text("message 29")).to_be_in_viewport()
        # Only the tests say what comes together, however long they take.
        await opened.page.clock.pause_at(await opened.page.evaluate("Date.now() / 1000 + 1"))
        yield opened


def find_more(demo: DemoPage) -> Locator:
    return demo.page.get_by_role("button", name="New messages", exact=True)


async def scroll_up(demo: DemoPage) -> None:
    # At once: after a wheel the browser scrolls on for a while, which tests would have to wait for.
    await demo.page.get_by_role("log").evaluate("log => log.scrollBy(0, -400)")
    await expect(demo.page.get_by_text("message 29")).not_to_be_in_viewport()


async def wait_for_end(demo: DemoPage) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while await demo.page.get_by_role("log").evaluate(DISTANCE_TO_END) >= 2:  # noqa: ASYNC110 - browser
            await asyncio.sleep(0.02)


async def test_new_messages_are_followed(demo: DemoPage) -> None:
    for text in ("one more", "and another"):
        demo.bot_says(text)
        await expect(demo.page.get_by_text(text)).to_be_in_viewport()
        await demo.page.clock.fast_forward(5000)
    await expect(find_more(demo)).to_be_hidden()


async def test_what_comes_together_is_read_from_its_beginning(demo: DemoPage) -> None:
    for time in ("first", "second"):
        demo.bot_says(f"{time} report\n{LONG_TEXT}")
        demo.bot_says(f"{time} picture")
        await expect(demo.page.get_by_text(f"{time} report")).to_be_in_viewport()
        await expect(demo.page.get_by_text(f"{time} picture")).not_to_be_in_viewport()
        await expect(find_more(demo)).to_be_visible()
        await demo.page.clock.fast_forward(5000)
    await find_more(demo).click()
    await expect(demo.page.get_by_text("second picture")).to_be_in_viewport()
    await expect(find_more(demo)).to_be_hidden()


async def test_a_question_stays_in_sight_above_its_long_answer(demo: DemoPage) -> None:
    await demo.composer.fill("!sessions")
    await demo.composer.press("Enter")
    await expect(demo.page.get_by_role("log").get_by_text("!sessions")).to_be_in_viewport()
    demo.bot_says(f"an answer\n{LONG_TEXT}")
    await expect(demo.page.get_by_text("an answer")).to_be_in_viewport()
    await expect(demo.page.get_by_role("log").get_by_text("!sessions")).to_be_in_viewport()
    await expect(find_more(demo)).to_be_hidden()


async def test_who_has_scrolled_up_is_told_and_gets_down_with_the_keyboard(demo: DemoPage) -> None:
    await scroll_up(demo)
    await expect(find_more(demo)).to_be_hidden()
    place = await demo.page.get_by_role("log").evaluate("log => log.scrollTop")
    demo.bot_says("one more")
    await expect(find_more(demo)).to_be_in_viewport()
    assert await demo.page.get_by_role("log").evaluate("log => log.scrollTop") == place
    await demo.page.get_by_role("log").focus()
    await find_more(demo).press("Enter")
    await expect(demo.page.get_by_text("one more")).to_be_in_viewport()
    await expect(find_more(demo)).to_be_hidden()
    await expect(demo.page.get_by_role("log")).to_be_focused()
    demo.bot_says("and another")
    await expect(demo.page.get_by_text("and another")).to_be_in_viewport()


async def test_scrolling_down_and_saying_something_end_the_notice(demo: DemoPage) -> None:
    await scroll_up(demo)
    demo.bot_says("one more")
    await expect(find_more(demo)).to_be_visible()
    await demo.page.get_by_role("log").hover()
    await demo.page.mouse.wheel(0, 900)
    await expect(find_more(demo)).to_be_hidden()
    await wait_for_end(demo)
    await scroll_up(demo)
    await demo.composer.fill("I am here")
    await demo.composer.press("Enter")
    await expect(demo.page.get_by_role("log").get_by_text("I am here")).to_be_in_viewport()


async def test_what_grows_afterwards_does_not_hide_the_end(demo: DemoPage) -> None:
    log = demo.page.get_by_role("log")
    await log.locator("article").nth(20).evaluate("row => { row.style.paddingBottom = '300px'; }")
    await expect(demo.page.get_by_text("message 29")).to_be_in_viewport()
    demo.bot_says("one more")
    await expect(demo.page.get_by_text("one more")).to_be_in_viewport()
    await wait_for_end(demo)


@pytest.mark.parametrize("name", ["Manage devices", "Personal access tokens"])
async def test_a_panel_leaves_the_newest_answer_in_sight(demo: DemoPage, name: str) -> None:
    wide = demo.page.viewport_size
    assert wide is not None
    for width, height in ((wide["width"], wide["height"]), MIDDLING):
        await demo.page.set_viewport_size({"width": width, "height": height})
        panel = await demo.open_panel(name)
        newest = demo.page.get_by_text("message 29")
        await expect(newest).to_be_in_viewport(ratio=1)
        edge, place = await panel.bounding_box(), await demo.page.get_by_role("log").bounding_box()
        assert edge is not None
        assert place is not None
        assert place["x"] + place["width"] <= edge["x"]
        assert await demo.page.evaluate("document.documentElement.scrollWidth") <= width
        await demo.page.keyboard.press("Escape")
        await expect(newest).to_be_in_viewport(ratio=1)


async def test_on_a_phone_an_open_panel_says_that_somebody_has_written(demo: DemoPage) -> None:
    await demo.page.set_viewport_size({"width": NARROW[0], "height": NARROW[1]})
    await expect(demo.page.get_by_role("button", name="Sign out")).to_be_hidden()
    await demo.open_panel("Manage devices")
    demo.bot_says("one more")
    await expect(demo.page.get_by_text("Sessions has written")).to_be_visible()
    await demo.page.keyboard.press("Escape")
    await expect(demo.page.get_by_text("one more")).to_be_in_viewport()
