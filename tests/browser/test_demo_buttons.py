"""The demo page draws the buttons under a message as the web client does."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, Page, expect

from rocketchat_simulator import Document
from tests.browser.demo_page import NARROW, WIDE, DemoPage, open_demo_page
from tests.browser.journey import Newcomer, open_newcomer

pytestmark = pytest.mark.asyncio(loop_scope="session")
SCREENS = [(WIDE, "light"), (WIDE, "dark"), (NARROW, "light"), (NARROW, "dark")]
on_each_screen = pytest.mark.parametrize(("size", "scheme"), SCREENS)
MIN_CONTRAST = 4.5  # WCAG 2.2, level AA
# Contrast of an element's text with its own background, both opaque (WCAG 2.2).
CONTRAST = """element => {
    const style = getComputedStyle(element);
    const [light, dark] = [style.color, style.backgroundColor].map(colour => {
        const [r, g, b] = colour.match(/[\\d.]+/g).slice(0, 3).map(Number)
            .map(each => each / 255)
            .map(each => each <= 0.04045 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    }).sort((one, other) => other - one);
    return (light + 0.05) / (dark + 0.05);
}"""


def speak(label: str, text: str, **more: object) -> Document:
    return {"type": "button", "text": label, "msg": text, "msg_in_chat_window": True, **more}


@pytest_asyncio.fixture(loop_scope="session")
async def demo(browser: Browser) -> AsyncIterator[DemoPage]:
    async with open_demo_page(browser) as opened:
        await opened.sign_in()
        yield opened


def find_button(demo: DemoPage, label: str) -> Locator:
    return demo.page.get_by_role("log").get_by_role("button", name=label, exact=True)


async def test_a_press_says_the_text_as_who_presses(demo: DemoPage) -> None:
    demo.bot_says("?", attachments=[{"actions": [speak("Help", "!help", foo=1)]}])
    await find_button(demo, "Help").click()
    await expect(demo.page.locator("article").get_by_text("!help", exact=True)).to_be_visible()
    await demo.wait_until_said(demo.bot_room, "?", "!help")


async def test_buttons_are_reached_and_pressed_with_the_keyboard(demo: DemoPage) -> None:
    demo.bot_says("?", attachments=[{"actions": [speak("One", "!1"), speak("Two", "!2")]}])
    await find_button(demo, "One").focus()
    await demo.page.keyboard.press("Tab")
    await expect(find_button(demo, "Two")).to_be_focused()
    await demo.page.keyboard.press("Enter")
    await expect(demo.page.locator("article").get_by_text("!2", exact=True)).to_be_visible()
    await expect(find_button(demo, "Two")).to_be_focused()
    await expect(find_button(demo, "Two")).to_be_enabled()  # one press at a time
    await demo.page.keyboard.press("Space")
    await expect(demo.page.locator("article").get_by_text("!2", exact=True)).to_have_count(2)


async def test_only_what_the_web_client_draws_is_drawn(demo: DemoPage) -> None:
    actions = [
        {"type": "button", "msg": "!no label", "msg_in_chat_window": True},
        {"type": "button", "text": "Elsewhere", "msg": "!x"},
        {"type": "menu", "text": "Menu", "msg": "!x", "msg_in_chat_window": True},
        speak("Drawn", "!x"),
        {"type": "button", "text": "Page", "url": f"{demo.simulator.url}/page/style.css"},
        {"type": "button", "text": "Script", "url": "javascript:alert(1)"},
    ]
    demo.bot_says("?", attachments=[{"text": "words", "actions": actions}])
    drawn = demo.page.locator(".buttons > *")
    await expect(drawn).to_have_text(["Drawn", "Page", "Script"])
    assert await drawn.last.get_attribute("href") is None
    async with demo.page.context.expect_page() as opened:
        await demo.page.get_by_role("link", name="Page").click()
    await (await opened.value).wait_for_url("**/page/style.css")


async def test_a_button_in_a_thread_says_its_text_in_the_thread(demo: DemoPage) -> None:
    root_id = demo.bot_says("A thread")
    button = {"actions": [speak("Help", "!help")]}
    demo.bot_says("?", thread_id=root_id, attachments=[button])
    await demo.page.get_by_role("button", name="1 reply").click()
    panel = demo.page.get_by_role("complementary", name="Thread")
    await panel.get_by_role("button", name="Help").click()
    await expect(panel.get_by_text("!help", exact=True)).to_be_visible()
    await demo.wait_until_said(demo.bot_room, "A thread", "?", "!help")
    answer = demo.simulator.workspace.messages.of(demo.bot_room)[-1]
    assert (answer["msg"], answer["tmid"]) == ("!help", root_id)


@on_each_screen
async def test_many_buttons_wrap_and_are_readable(
    browser: Browser, size: tuple[int, int], scheme: str
) -> None:
    async with open_demo_page(browser, size=size) as demo:
        await demo.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        await demo.sign_in()
        actions = [speak(f"Sign out number {number}", "!x") for number in range(9)]
        demo.bot_says("?", attachments=[{"color": "#f5455c", "actions": actions}])
        buttons = demo.page.locator(".buttons button")
        await expect(buttons).to_have_count(9)
        tops = set()
        for button in await buttons.all():
            box = await button.bounding_box()
            assert box is not None
            tops.add(box["y"])
            assert box["x"] + box["width"] <= size[0]
            assert box["height"] >= (44 if size == NARROW else 36)
            assert await button.evaluate(CONTRAST) >= MIN_CONTRAST
        assert len(tops) > 1
        assert await demo.page.evaluate("document.documentElement.scrollWidth") <= size[0]


@on_each_screen
async def test_the_bots_buttons_lead_from_the_invitation_to_a_sign_out(
    browser: Browser, size: tuple[int, int], scheme: str, tmp_path: Path
) -> None:
    async def shoot(page: Page, name: str) -> None:
        await page.screenshot(path=tmp_path / f"{name}.png")

    async with open_newcomer(browser, size, shoot, scheme) as newcomer:
        await connect_by_button(newcomer)
        await newcomer.ask("!alerts on", "Alerts are on")
        await newcomer.let_pass("An attacker signs in", "has signed in as you", "New device")
        await shoot(newcomer.page, "alert")
        await press(newcomer, "It was me", "is yours.")
        await press(newcomer, "Sign it out", "within two minutes")
        await shoot(newcomer.page, "question")
        await press(newcomer, "Confirm", "Signed out")
        await press(newcomer, "Confirm", "no longer open")
        await shoot(newcomer.page, "done")
        await expect(newcomer.talk.get_by_text("Signed out")).to_have_count(1)


async def connect_by_button(newcomer: Newcomer) -> None:
    await newcomer.sign_in()
    await newcomer.ask("!sessions", "I need your permission")
    await newcomer.shoot(newcomer.page, "invitation")
    async with newcomer.context.expect_page() as popup:
        await newcomer.talk.get_by_role("link", name="Connect", exact=True).click()
    form = await popup.value
    await newcomer.allow(form)
    await form.get_by_role("heading", name="You are connected").wait_for()
    await form.close()
    await expect(newcomer.talk.get_by_text("devices are signed in as you")).to_be_visible()


async def press(newcomer: Newcomer, label: str, answer: str) -> None:
    await newcomer.talk.get_by_role("button", name=label, exact=True).click()
    await expect(newcomer.talk.get_by_text(answer).last).to_be_in_viewport()
