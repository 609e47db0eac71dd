import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.browser.demo_page import DemoPage, open_demo_page

pytestmark = pytest.mark.asyncio(loop_scope="session")
MARKDOWN = (
    ("*strong*", "strong", "strong"),
    ("**strong** text", "strong", "strong"),
    ("_leaning_", "em", "leaning"),
    ("~gone~", "s", "gone"),
    ("a `b*c*` d", "code", "b*c*"),
    ("```\nx = *1*\n```", "pre", "x = *1*"),
    ("```one line```", "pre", "one line"),
    ("> said\n> twice", "blockquote", "saidtwice"),
    (">" * 4000, "blockquote", ""),
    ("[label](https://example.org/a_(b)_c)", "a[rel~=noopener][target=_blank]", "label"),
    ("see https://example.org/x?y=_z_.", "a[href$=_z_]", "https://example.org/x?y=_z_"),
    ("[no](javascript:alert(1))", "span", "no"),
    ("hello @alice", ".mention.mine", "@alice"),
    ("hello @bob.", ".mention:not(.mine)", "@bob"),
    ("*bold _both_*", "strong em", "both"),
    ("\\*plain\\*", "p", "*plain*"),
    ("- one\n- two", "ul", "onetwo"),
    ("3. three\n4. four", "ol[start='3']", "threefour"),
    ("## Title", ".heading", "Title"),
)


@pytest_asyncio.fixture(loop_scope="session")
async def demo(browser: Browser) -> AsyncIterator[DemoPage]:
    async with open_demo_page(browser) as opened:
        await opened.sign_in()
        yield opened


async def test_enter_sends_and_shift_enter_starts_a_line(demo: DemoPage) -> None:
    await demo.composer.fill("one")
    await demo.composer.press("Shift+Enter")
    await demo.composer.type("two")
    await demo.composer.press("Enter")
    await expect(demo.composer).to_have_value("")
    await expect(demo.page.locator("article .text")).to_have_text("onetwo")
    await demo.wait_until_said(demo.bot_room, "one\ntwo")


async def test_nothing_is_lost_that_is_written_while_the_page_loads(browser: Browser) -> None:
    async with open_demo_page(browser) as demo:
        may_load = asyncio.Event()
        demo.simulator.faults.hold_answer("subscriptions.get", may_load)
        await demo.page.goto(demo.simulator.url)
        await demo.page.get_by_role("button", name="Sign in as Alice Example").click()
        await expect(demo.composer).to_be_disabled()
        may_load.set()
        await demo.composer.fill("at last")
        await demo.composer.press("Enter")
        await demo.wait_until_said(demo.bot_room, "at last")


async def test_arrow_up_brings_back_what_was_said_and_down_goes_forward(demo: DemoPage) -> None:
    for text in ("first", "second"):
        await demo.composer.fill(text)
        await demo.composer.press("Enter")
    await demo.composer.press("ArrowUp")
    await expect(demo.composer).to_have_value("second")
    await demo.composer.press("ArrowUp")
    await expect(demo.composer).to_have_value("first")
    await demo.composer.press("ArrowDown")
    await demo.composer.press("ArrowDown")
    await expect(demo.composer).to_have_value("")


async def test_a_message_that_is_refused_says_why_and_can_be_sent_again(demo: DemoPage) -> None:
    room = demo.bot_room
    room.document["archived"] = True
    await demo.composer.fill("hello?")
    await demo.composer.press("Enter")
    failed = demo.page.locator("article", has_text="hello?")
    await expect(failed.get_by_role("alert")).to_contain_text("Not sent.")
    del room.document["archived"]
    await failed.get_by_role("button", name="Try again").click()
    await expect(failed.get_by_role("alert")).to_have_count(0)
    await demo.wait_until_said(room, "hello?")


async def test_too_many_calls_are_explained_with_the_seconds_to_wait(browser: Browser) -> None:
    async with open_demo_page(browser, limit_calls=3) as demo:
        await demo.sign_in()
        for number in range(4):
            await demo.composer.fill(f"number {number}")
            await demo.composer.press("Enter")
        alert = demo.page.locator("article").get_by_role("alert")
        await expect(alert).to_contain_text("Try again in")


async def test_markdown_looks_as_in_the_workspace(demo: DemoPage) -> None:
    for text, selector, shown in MARKDOWN:
        message_id = demo.bot_says(text)
        drawn = demo.page.locator(f"article[data-id='{message_id}'] .text {selector}")
        await expect(drawn, text).to_have_text(shown)
    assert await demo.page.locator("a[href^='javascript']").count() == 0


async def test_what_is_no_markdown_stays_as_it_is(demo: DemoPage) -> None:
    for text in ("snake_case_name", "2 * 3 * 4", "a@b.example", "1~2", "<b>", "[x] y", "*", "``"):
        message_id = demo.bot_says(text)
        drawn = demo.page.locator(f"article[data-id='{message_id}'] .text p")
        await expect(drawn, text).to_have_text(text)
        assert await drawn.locator("*").count() == 0, text


async def test_html_in_a_message_is_only_text(demo: DemoPage) -> None:
    trap = "<img src=x onerror=\"document.title='caught'\"><script>document.title='caught'</script>"
    field = {"title": trap, "value": trap, "short": True}
    attachment = {"title": trap, "text": trap, "color": "red;}", "fields": [field]}
    demo.bot_says(trap, attachments=[attachment])
    await expect(demo.page.locator("article .text").first).to_have_text(trap)
    assert await demo.page.locator("article img, article script").count() == 0
    assert await demo.page.title() != "caught"


async def test_a_link_of_the_bots_opens_in_another_tab(demo: DemoPage) -> None:
    demo.bot_says("", attachments=[{"text": f"[Open]({demo.simulator.url}/page/style.css)"}])
    async with demo.page.expect_popup() as opened:
        await demo.page.get_by_role("link", name="Open").click()
    other = await opened.value
    await other.wait_for_url("**/page/style.css")
    assert await other.evaluate("window.opener") is None
    await expect(demo.composer).to_be_visible()


async def test_a_deleted_message_disappears(demo: DemoPage) -> None:
    message_id = demo.bot_says("Forget this.")
    await expect(demo.page.get_by_text("Forget this.")).to_be_visible()
    message = demo.simulator.workspace.messages.find(message_id)
    assert message is not None
    demo.simulator.workspace.delete(message)
    await expect(demo.page.get_by_text("Forget this.")).to_have_count(0)
