"""The connection pages in a real browser: with and without JavaScript, by mouse and by keyboard.

``python -m tests.browser.test_connection_pages DIRECTORY`` takes pictures of them.
"""

import asyncio
import re
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Browser, BrowserContext, Page, expect

from bot.formatting.locale import LANGUAGES
from tests.browser.demo_page import NARROW, TIMEOUT_MS, WIDE, open_browser
from tests.support.deadlines import DEADLINE_S
from tests.support.people import Conversation
from tests.support.stage import Stage, open_stage

pytestmark = pytest.mark.asyncio(loop_scope="session")
BUTTON = "Continue with Rocket.Chat"


class Visitor:
    """Alice on the connection page, with the chat in another window."""

    def __init__(
        self, stage: Stage, alice: Conversation, context: BrowserContext, page: Page
    ) -> None:
        self.stage = stage
        self.alice = alice
        self.context = context
        self.page = page
        self.problems: list[str] = []
        page.on("console", self._note)
        page.on("pageerror", lambda error: self.problems.append(str(error)))

    def _note(self, message: object) -> None:
        if getattr(message, "type", "") in {"error", "warning"}:
            self.problems.append(str(getattr(message, "text", "")))

    async def open_link(self) -> str:
        link = await self.alice.ask_for_link()
        await self.page.goto(link)
        return link

    async def sign_in_to_workspace(self) -> None:
        await self.page.get_by_label("Username").fill("alice")
        await self.page.get_by_label("Password").fill(self.stage.people.alice.password)
        await self.page.get_by_role("button", name="Sign in", exact=True).click()

    async def press(self, name: str) -> None:
        await self.page.get_by_role("button", name=name, exact=True).click()

    async def see(self, heading: str) -> None:
        await expect(self.page.get_by_role("heading", level=1, name=heading)).to_be_visible()

    async def see_flaw(self, words: str) -> None:
        await expect(self.page.get_by_text(words)).to_be_visible()

    async def see_problem(self, words: str) -> None:
        """Wait until the browser has reported a problem."""
        async with asyncio.timeout(DEADLINE_S):
            while not any(words in problem for problem in self.problems):  # noqa: ASYNC110 - browser
                await asyncio.sleep(0.05)

    async def has_no_overflow(self) -> bool:
        width = "document.documentElement.scrollWidth <= window.innerWidth"
        return bool(await self.page.evaluate(width))


@asynccontextmanager
async def open_visitor(
    browser: Browser,
    folder: Path,
    *,
    size: tuple[int, int] = WIDE,
    has_script: bool = True,
    version: str = "8.3",
    scheme: str = "light",
) -> AsyncIterator[Visitor]:
    async with open_stage(folder, version, has_oauth=True) as stage:
        context = await browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            java_script_enabled=has_script,
            color_scheme="dark" if scheme == "dark" else "light",
        )
        page = await context.new_page()
        page.set_default_timeout(TIMEOUT_MS)
        try:
            yield Visitor(stage, await stage.meet("alice"), context, page)
        finally:
            await context.close()


@pytest.mark.parametrize("has_script", [True, False], ids=["script", "no script"])
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "phone"])
async def test_the_button_leads_to_the_workspace_and_back(
    browser: Browser, tmp_path: Path, size: tuple[int, int], *, has_script: bool
) -> None:
    async with open_visitor(browser, tmp_path, size=size, has_script=has_script) as visitor:
        await visitor.open_link()
        await visitor.see("Connect your account")
        await visitor.press(BUTTON)
        await visitor.sign_in_to_workspace()
        await visitor.press("Authorize")
        await visitor.see("You are connected")
        assert (await visitor.alice.hear()).startswith("You are connected.")
        assert visitor.problems == []


@pytest.mark.parametrize("has_script", [True, False], ids=["script", "no script"])
async def test_a_token_can_be_pasted_instead(
    browser: Browser, tmp_path: Path, *, has_script: bool
) -> None:
    async with open_visitor(browser, tmp_path, size=NARROW, has_script=has_script) as visitor:
        await visitor.open_link()
        await visitor.page.get_by_text("Use a personal access token instead").click()
        token = await visitor.alice.person.make_personal_access_token("bot")
        await visitor.page.get_by_label("Your user id").fill(visitor.alice.person.user_id)
        await visitor.page.get_by_label("Personal access token", exact=True).fill(token)
        await visitor.press("Connect")
        await visitor.see("You are connected")
        assert visitor.problems == []


async def test_who_says_no_goes_back_and_takes_the_other_way(
    browser: Browser, tmp_path: Path
) -> None:
    async with open_visitor(browser, tmp_path) as visitor:
        link = await visitor.open_link()
        await visitor.press(BUTTON)
        await visitor.sign_in_to_workspace()
        await visitor.press("Cancel")
        await expect(visitor.page.locator("body")).to_contain_text("access_denied")
        await visitor.page.goto(link)
        await visitor.press(BUTTON)
        await visitor.press("Authorize")
        await visitor.see("You are connected")


async def test_a_version_that_ignores_bearer_says_so_and_takes_a_token(
    browser: Browser, tmp_path: Path
) -> None:
    async with open_visitor(browser, tmp_path, version="7.7", size=NARROW) as visitor:
        await visitor.open_link()
        await visitor.press(BUTTON)
        await visitor.sign_in_to_workspace()
        await visitor.press("Authorize")
        await visitor.see("Connect your account")
        alert = visitor.page.get_by_role("alert")
        await expect(alert).to_contain_text("does not accept the permission")
        await expect(visitor.page.get_by_role("button", name=BUTTON)).to_have_count(0)
        token = await visitor.alice.person.make_personal_access_token("bot")
        await visitor.page.get_by_label("Your user id").fill(visitor.alice.person.user_id)
        await visitor.page.get_by_label("Personal access token", exact=True).fill(token)
        await visitor.press("Connect")
        await visitor.see("You are connected")


async def test_the_keyboard_is_enough_and_every_field_has_a_name(
    browser: Browser, tmp_path: Path
) -> None:
    async with open_visitor(browser, tmp_path) as visitor:
        await visitor.open_link()
        keyboard, reached = visitor.page.keyboard, []
        for _ in range(4):
            await keyboard.press("Tab")
            reached.append(await visitor.page.evaluate("document.activeElement.innerText"))
        assert reached[:2] == [BUTTON, "Use a personal access token instead"]
        await visitor.page.get_by_text("Use a personal access token instead").focus()
        await keyboard.press("Enter")
        for name in ("Your user id", "Personal access token"):
            await keyboard.press("Tab")
            focused = visitor.page.locator(":focus")
            await expect(focused).to_have_accessible_name(name)
        assert await visitor.page.evaluate("document.documentElement.lang") == "en"


async def test_only_the_workspace_may_be_reached_from_the_form(
    browser: Browser, tmp_path: Path
) -> None:
    async with open_visitor(browser, tmp_path) as visitor:
        await visitor.open_link()
        await visitor.page.evaluate(
            "document.querySelector('form').action = 'http://localhost:9/elsewhere'"
        )
        address = visitor.page.url
        await visitor.page.get_by_role("button", name=BUTTON).click(no_wait_after=True)
        await visitor.see_problem("form-action")
        assert visitor.page.url == address


async def test_the_page_cannot_be_framed(browser: Browser, tmp_path: Path) -> None:
    async with open_visitor(browser, tmp_path) as visitor:
        link = await visitor.alice.ask_for_link()
        await visitor.page.goto(f"{visitor.stage.simulator.url}/oauth/error/404")
        await visitor.page.evaluate(
            "link => new Promise(done => { const frame = document.createElement('iframe');"
            " frame.onload = done; frame.src = link; document.body.append(frame); })",
            link,
        )
        async with asyncio.timeout(DEADLINE_S):
            # Chromium's own error page.
            while visitor.page.frames[-1].url != "chrome-error://chromewebdata/":  # noqa: ASYNC110 - browser
                await asyncio.sleep(0.05)


async def test_every_page_fits_a_phone_in_light_and_dark(browser: Browser, tmp_path: Path) -> None:
    async with open_visitor(browser, tmp_path, size=NARROW, scheme="dark") as visitor:
        async for _name in go_through_pages(visitor):
            assert await visitor.has_no_overflow()
            await expect(visitor.page.get_by_role("heading", level=1)).to_have_count(1)


async def test_every_language_fits_a_phone(browser: Browser, tmp_path: Path) -> None:
    async with open_visitor(browser, tmp_path, size=NARROW) as visitor:
        base = visitor.stage.bot.public_url
        for language in LANGUAGES:
            tag = language.replace("_", "-")
            await visitor.context.set_extra_http_headers({"Accept-Language": tag})
            link = await visitor.open_link()
            for summary in await visitor.page.locator("summary").all():
                await summary.click()
            await expect_language(visitor, tag)
            await visitor.page.locator("#user_id").fill("x" * 17)
            await visitor.page.locator("#token").fill("short")
            await visitor.page.locator("form:has(#token) button").click()
            await expect(visitor.page.get_by_role("alert")).to_be_visible()
            for address in ("", f"{base}/oauth/callback", f"{base}/nothing", link + "x"):
                if address:
                    await visitor.page.goto(address)
                await expect_language(visitor, tag)


async def expect_language(visitor: Visitor, tag: str) -> None:
    assert await visitor.page.evaluate("document.documentElement.lang") == tag
    assert await visitor.has_no_overflow(), tag
    english = visitor.page.get_by_text(re.compile("permission|Rocket.Chat, open|To get a"))
    await expect(english).to_have_count(0 if tag != "en" else await english.count())


async def go_through_pages(visitor: Visitor) -> AsyncIterator[str]:
    """Yield each page with its name."""
    page, base = visitor.page, visitor.stage.bot.public_url
    link = await visitor.open_link()
    yield "both ways"
    await page.get_by_text("Use a personal access token instead").click()
    yield "both ways, the other open"
    await page.get_by_label("Your user id").fill("not an id")
    await page.get_by_label("Personal access token", exact=True).fill("short")
    await visitor.press("Connect")
    await visitor.see_flaw("That is not a user id.")
    yield "a flaw"
    await page.get_by_label("Your user id").fill(visitor.alice.person.user_id)
    await page.get_by_label("Personal access token", exact=True).fill("x" * 43)
    await visitor.press("Connect")
    await visitor.see_flaw("does not accept this user id and token together")
    yield "token refused"
    await page.goto(link)
    yield "expired"
    await page.goto(f"{base}/oauth/callback?state={'x' * 43}&code={'x' * 40}")
    yield "unknown state"
    await page.goto(f"{base}/oauth/callback")
    yield "no way back"
    await page.goto(f"{base}/nothing")
    yield "nothing here"
    link = await visitor.open_link()
    await page.goto(f"{base}/oauth/callback?state={link.rpartition('/')[2]}")
    yield "not allowed"
    await visitor.open_link()
    await visitor.context.clear_cookies()
    await visitor.press(BUTTON)
    await visitor.see_flaw("This form was opened in another browser")
    yield "other browser"
    await visitor.open_link()
    await visitor.press(BUTTON)
    await visitor.sign_in_to_workspace()
    visitor.stage.simulator.faults.fail_next("/oauth/token", status=503)
    await visitor.press("Authorize")
    await visitor.see_flaw("Your workspace did not answer.")
    yield "unreachable"
    await visitor.press(BUTTON)
    await visitor.see("You are connected")
    yield "connected"


async def take_pictures(browser: Browser, folder: Path) -> None:
    for name, size, scheme in (
        ("wide", WIDE, "light"),
        ("wide-dark", WIDE, "dark"),
        ("phone", NARROW, "light"),
        ("phone-dark", NARROW, "dark"),
    ):
        with tempfile.TemporaryDirectory() as data:
            async with open_visitor(browser, Path(data), size=size, scheme=scheme) as visitor:
                async for what in go_through_pages(visitor):
                    path = folder / f"{what.replace(' ', '-').replace(',', '')}-{name}.png"
                    await visitor.page.screenshot(path=path, full_page=True)


async def main() -> None:
    expect.set_options(timeout=TIMEOUT_MS)
    async with open_browser() as browser:
        await take_pictures(browser, Path(sys.argv[1]))


if __name__ == "__main__":
    asyncio.run(main())
