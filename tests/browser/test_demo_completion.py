"""The writing field completes the bot's commands, with the keyboard and for screen readers."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, expect

from bot import commands
from bot.commands.registry import load_commands
from bot.demo.completions import list_lines
from tests.browser.demo_page import NARROW, DemoPage, open_demo_page

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(loop_scope="session")
async def demo(browser: Browser) -> AsyncIterator[DemoPage]:
    async with open_demo_page(browser) as opened:
        opened.simulator.demo.commands = list_lines(load_commands(commands))
        await opened.sign_in()
        await opened.composer.focus()
        yield opened


def find_options(demo: DemoPage) -> Locator:
    return demo.page.get_by_role("listbox", name="Completions").get_by_role("option")


async def test_tab_completes_a_command_and_then_its_arguments(demo: DemoPage) -> None:
    keyboard = demo.page.keyboard
    await keyboard.type("!re")
    await expect(find_options(demo)).to_have_count(1)
    await expect(find_options(demo)).to_contain_text("Report on your devices")
    await expect(demo.page.get_by_text("1 completion: Tab takes the first")).to_be_attached()
    await keyboard.press("Tab")
    await expect(demo.composer).to_have_value("!report ")
    await expect(find_options(demo).first).to_contain_text("!report daily")
    await keyboard.type("w")
    await expect(find_options(demo)).to_contain_text(["!report weekdays", "!report weekly"])
    for value in ("!report weekdays ", "!report weekdays 09:00"):
        await keyboard.press("Tab")
        await expect(demo.composer).to_have_value(value)
    await expect(find_options(demo)).to_have_count(0)
    await keyboard.press("Enter")
    await demo.wait_until_said(demo.bot_room, "!report weekdays 09:00")


async def test_arrows_choose_and_enter_takes_what_is_chosen(demo: DemoPage) -> None:
    await demo.page.keyboard.type("!se")
    await expect(find_options(demo)).to_contain_text(["!sessions", "!session"])
    await demo.page.keyboard.press("ArrowDown")
    await demo.page.keyboard.press("ArrowDown")
    chosen = find_options(demo).nth(1)
    await expect(chosen).to_have_attribute("aria-selected", "true")
    named = await demo.composer.get_attribute("aria-activedescendant")
    assert named == await chosen.get_attribute("id")
    await demo.page.keyboard.press("Enter")
    await expect(demo.composer).to_have_value("!session ")
    assert demo.said_in(demo.bot_room) == []


async def test_enter_sends_what_is_written_where_nothing_is_chosen(demo: DemoPage) -> None:
    await demo.page.keyboard.type("!sessions")
    await expect(find_options(demo).first).to_be_visible()
    await demo.page.keyboard.press("Enter")
    await expect(find_options(demo)).to_have_count(0)
    await expect(demo.page.get_by_role("log").get_by_text("!sessions")).to_be_visible()
    await demo.wait_until_said(demo.bot_room, "!sessions")


async def test_tab_leaves_the_field_where_nothing_is_completed(demo: DemoPage) -> None:
    send = demo.page.get_by_role("button", name="Send")
    for text in ("", "hello", "!re"):
        await demo.composer.fill(text)
        await demo.page.keyboard.press("Escape")
        await demo.page.keyboard.press("Tab")
        await expect(send).to_be_focused()
        await demo.page.keyboard.press("Shift+Tab")
        await expect(demo.composer).to_be_focused()
    await demo.composer.fill("!re")
    await demo.page.keyboard.press("Shift+Tab")
    await expect(demo.composer).not_to_be_focused()


async def test_in_a_channel_it_completes_what_follows_a_mention(demo: DemoPage) -> None:
    await demo.open_room("general")
    await demo.composer.fill("!se")
    await expect(find_options(demo)).to_have_count(0)
    await demo.composer.fill("@sessions se")
    await expect(find_options(demo)).to_contain_text(["@sessions sessions", "@sessions session"])


async def test_on_a_phone_a_completion_is_taken_with_a_touch(demo: DemoPage) -> None:
    await demo.page.set_viewport_size({"width": NARROW[0], "height": NARROW[1]})
    await demo.composer.fill("!")
    await expect(find_options(demo).first).to_be_in_viewport()
    assert await demo.page.evaluate("document.documentElement.scrollWidth") <= NARROW[0]
    await find_options(demo).filter(has_text="!alerts").click()
    await expect(demo.composer).to_have_value("!alerts ")
    await expect(demo.composer).to_be_focused()
