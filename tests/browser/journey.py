"""A newcomer's way through the demo, in a real browser with the real bot; and pictures of it.

``python -m tests.browser.journey docs/pictures`` takes the pictures that the README shows.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Container
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import Browser, BrowserContext, Locator, Page, expect

from bot.demo.actions import Durations
from bot.demo.open_demo import Demo, open_demo
from rocketchat_simulator import Simulator
from rocketchat_simulator.demo.seed import EXAMPLE_SESSION_ID, DemoPeople
from tests.browser.demo_page import NARROW, TIMEOUT_MS, WIDE, open_browser

Shoot = Callable[[Page, str], Awaitable[None]]
_SHOWN = {
    "alert-phone",
    "alert-wide",
    "connect-phone",
    "cut-wide",
    "logout-wide-dark",
    "mention-wide",
    "picture-phone",
    "report-wide-dark",
    "session-wide",
    "session-by-number-phone",
    "sessions-phone",
}


class Newcomer:
    """Somebody new who does what the demo page and the bot tell them."""

    def __init__(
        self,
        demo: Demo,
        context: BrowserContext,
        page: Page,
        shoot: Shoot,
    ) -> None:
        self.demo = demo
        self.context = context
        self.page = page
        self.shoot = shoot

    @property
    def simulator(self) -> Simulator:
        return self.demo.simulator

    @property
    def people(self) -> DemoPeople:
        return self.demo.people

    @property
    def talk(self) -> Locator:
        return self.page.get_by_role("log").first

    async def sign_in(self) -> None:
        await self.page.goto(self.simulator.url)
        await self.shoot(self.page, "sign-in")
        await self.page.get_by_role("button", name="Sign in as Alice Example").click()
        await self.page.get_by_role("button", name="!help").wait_for()

    async def say(self, text: str) -> None:
        box = self.page.get_by_role("textbox", name="Message", exact=False).first
        await box.fill(text)
        await box.press("Enter")

    async def ask(self, text: str, answer: str) -> None:
        await self.say(text)
        await expect(self.talk.get_by_text(answer).last).to_be_visible()

    async def connect(self, *, with_token: bool = False) -> None:
        """Ask a question, follow the link, give permission, come back to the answer."""
        question = f"!session {EXAMPLE_SESSION_ID}"
        await self.page.get_by_role("button", name=question).click()
        link = self.talk.get_by_role("link", name="Open your connection page")
        await link.wait_for()
        await self.shoot(self.page, "link")
        async with self.context.expect_page() as popup:
            await link.click()
        form = await popup.value
        await form.get_by_role("heading", name="Connect your account").wait_for()
        await self.shoot(form, "connect")
        await (self.paste_token(form) if with_token else self.allow(form))
        await form.get_by_role("heading", name="You are connected").wait_for()
        await self.shoot(form, "connected")
        await form.close()

    async def allow(self, form: Page) -> None:
        """Allow the bot, on the workspace's own page."""
        await form.get_by_role("button", name="Continue with Rocket.Chat").click()
        allow = form.get_by_role("button", name="Authorize")
        await allow.wait_for()
        await self.shoot(form, "consent")
        await allow.click()

    async def paste_token(self, form: Page) -> None:
        """Make a token in the chat, and paste it into the form."""
        user_id, token = await self.make_token()
        await form.get_by_text("Use a personal access token instead").click()
        await form.get_by_label("Your user id").fill(user_id)
        await form.get_by_label("Personal access token", exact=True).fill(token)
        await form.get_by_role("button", name="Connect", exact=True).click()

    async def make_token(self) -> tuple[str, str]:
        buttons = self.page.get_by_role("button", name="Personal access tokens", exact=True)
        await buttons.locator("visible=true").first.click()
        panel = self.page.get_by_role("complementary", name="Personal access tokens")
        await panel.get_by_role("button", name="Add").click()
        values = panel.locator(".fresh dd code")
        await values.first.wait_for()
        await self.shoot(self.page, "token")
        user_id, token = [await each.inner_text() for each in await values.all()]
        await panel.get_by_role("button", name="Close panel").click()
        return user_id, token

    async def mention(self) -> None:
        """Mention the bot in the channel and open the thread of its answer there."""
        rooms = self.page.get_by_role("button", name="Rooms")
        if await rooms.is_visible():
            await rooms.click()
        await self.page.locator(".room", has_text="general").click()
        await self.ask("@sessions session 2", "session 2")
        await self.page.get_by_text("1 reply").click()
        await self.page.get_by_text("I have answered you in a direct message").first.wait_for()

    async def let_pass(self, button: str, told: str, message: str) -> None:
        """Press one of the demo's buttons, and wait for what the bot then says."""
        await self.page.get_by_role("button", name=button, exact=True).click()
        line = self.page.locator(".demo-message")
        await expect(line).to_contain_text(told)
        await expect(self.talk.get_by_text(message).last).to_be_visible()
        # Its picture comes after a report, which is read from its beginning.
        await expect(self.talk.get_by_text(message).last).to_be_in_viewport()

    async def see_picture(self, number: int) -> None:
        """Follow the page's notice to the picture after the last report."""
        pictures = self.talk.locator("img.picture")
        await expect(pictures).to_have_count(number)
        picture = pictures.last
        await expect(picture).to_have_js_property("complete", value=True)
        await expect(picture).not_to_have_js_property("naturalWidth", 0)
        more = self.page.get_by_role("button", name="New messages", exact=True)
        if await more.is_visible():
            await more.click()
        await expect(picture).to_be_in_viewport(ratio=0.9)

    async def connect_again(self, *, with_token: bool) -> None:
        """Follow the last invitation; the workspace does not ask again about an application."""
        async with self.context.expect_page() as popup:
            await self.talk.get_by_role("link", name="Connect", exact=True).last.click()
        form = await popup.value
        if with_token:
            await self.paste_token(form)
        else:
            await form.get_by_role("button", name="Continue with Rocket.Chat").click()
        await form.get_by_role("heading", name="You are connected").wait_for()
        await form.close()

    async def go_through(self, *, with_token: bool = False) -> None:
        await self.sign_in()
        await self.connect(with_token=with_token)
        await expect(self.talk.get_by_text("Chrome 113 on Windows 10 or 11")).to_be_visible()
        await expect(self.talk.get_by_text("172.20.0.2")).to_be_visible()
        await self.shoot(self.page, "session")


@asynccontextmanager
async def open_newcomer(
    browser: Browser,
    size: tuple[int, int],
    shoot: Shoot,
    scheme: str = "light",
    durations: Durations | None = None,
) -> AsyncIterator[Newcomer]:
    async with open_demo(0, durations) as demo:
        context = await browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme="dark" if scheme == "dark" else "light",
        )
        page = await context.new_page()
        page.set_default_timeout(TIMEOUT_MS)
        try:
            yield Newcomer(demo, context, page, shoot)
        finally:
            await context.close()


async def take_pictures(browser: Browser, folder: Path, wanted: Container[str]) -> None:
    """Do all steps on three screens, and save the pictures that are asked for."""
    for name, size, scheme in (
        ("wide", WIDE, "light"),
        ("wide-dark", WIDE, "dark"),
        ("phone", NARROW, "light"),
    ):

        async def shoot(page: Page, what: str, name: str = name) -> None:
            if f"{what}-{name}" in wanted:
                # Nothing is highlighted under the mouse.
                await page.mouse.move(0, 0)
                await page.screenshot(path=folder / f"{what}-{name}.png")

        async with open_newcomer(browser, size, shoot, scheme) as newcomer:
            await newcomer.go_through()
            await _cut_the_network(newcomer, shoot)
            await newcomer.ask("!sessions", "devices are signed in as you")
            await shoot(newcomer.page, "sessions")
            await newcomer.ask("!session 2", "Firefox 131 on Windows 10 or 11: connected")
            await shoot(newcomer.page, "session-by-number")
            await newcomer.ask("!logout 3", "within two minutes")
            await shoot(newcomer.page, "logout")
            await newcomer.ask("!help", "This is what I understand")
            await shoot(newcomer.page, "help")
            await _wait_for_the_clock(newcomer, shoot)
            await newcomer.mention()
            await shoot(newcomer.page, "mention")


async def _cut_the_network(newcomer: Newcomer, shoot: Shoot) -> None:
    await newcomer.page.get_by_role("button", name="Cut the network", exact=True).click()
    told = newcomer.page.locator(".demo-message")
    await expect(told).to_contain_text("The bot is cut off")
    await newcomer.say("!session last")
    await expect(told).to_contain_text("The network is back")
    answer = newcomer.talk.get_by_text("connected now").last
    await expect(answer).to_be_in_viewport()
    await shoot(newcomer.page, "cut")


async def _wait_for_the_clock(newcomer: Newcomer, shoot: Shoot) -> None:
    await newcomer.ask("!report daily 09:00", "You get a report every day at 09:00")
    await newcomer.let_pass("Next report", "Your report is due", "Your report:")
    await newcomer.see_picture(1)
    await shoot(newcomer.page, "first-report")
    await newcomer.ask("!alerts on", "Alerts are on")
    await newcomer.let_pass("An attacker signs in", "has signed in as you", "New device")
    await shoot(newcomer.page, "alert")
    await newcomer.let_pass("Next report", "Your report is due", "1 new device")
    await shoot(newcomer.page, "report")
    await newcomer.see_picture(2)
    await shoot(newcomer.page, "picture")


async def main() -> None:
    expect.set_options(timeout=TIMEOUT_MS)
    async with open_browser() as browser:
        await take_pictures(browser, Path(sys.argv[1]), _SHOWN)


if __name__ == "__main__":
    asyncio.run(main())
