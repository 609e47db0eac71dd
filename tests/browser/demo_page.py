"""The demo's page in a real browser, in front of a simulated workspace."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from playwright.async_api import Browser, Locator, Page, async_playwright

from rocketchat_simulator import Room, Simulator
from rocketchat_simulator.demo.seed import DemoPeople, seed
from tests.support.deadlines import DEADLINE_S
from tests.support.needs import give_up

WIDE = (1280, 800)
NARROW = (390, 844)
# For a click, and for what is expected: the tests share their cores with others.
TIMEOUT_MS = 1000 * DEADLINE_S


@dataclass
class DemoPage:
    """A browser tab, and the workspace that it shows."""

    simulator: Simulator
    people: DemoPeople
    page: Page
    problems: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    @property
    def bot_room(self) -> Room:
        """Return Alice's direct message with the bot."""
        return self.simulator.workspace.direct_room(self.people.alice, self.people.bot)

    @property
    def general(self) -> Room:
        room = self.simulator.workspace.rooms.find_by_name("general")
        assert room is not None
        return room

    @property
    def composer(self) -> Locator:
        return self.page.get_by_role("textbox", name="Message", exact=False).first

    async def sign_in(self, name: str = "Alice Example") -> None:
        await self.page.goto(self.simulator.url)
        await self.page.get_by_role("button", name=f"Sign in as {name}").click()
        await self.page.get_by_role("button", name="!help").wait_for()

    async def open_panel(self, name: str) -> Locator:
        buttons = self.page.get_by_role("button", name=name, exact=True)
        await buttons.locator("visible=true").first.click()
        panel = self.page.get_by_role("complementary", name=name)
        await panel.wait_for()
        return panel

    async def open_room(self, name: str) -> None:
        await self.page.locator(".room", has_text=name).click()
        await self.page.get_by_role("heading", level=1, name=name).wait_for()

    def bot_says(self, text: str, **extra: object) -> str:
        """Let the bot say something in Alice's direct message; return the message's id."""
        workspace = self.simulator.workspace
        message = workspace.say(self.people.bot, self.bot_room, text, **extra)  # type: ignore[arg-type] # fields of a message
        return str(message["_id"])

    async def wait_until_said(self, room: Room, *texts: str) -> None:
        """Wait until the workspace has what the page shows before, and see that it has no more."""
        async with asyncio.timeout(DEADLINE_S):
            while len(self.said_in(room)) < len(texts):  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.01)
        assert self.said_in(room) == list(texts)

    def said_in(self, room: Room) -> list[str]:
        return [message["msg"] for message in self.simulator.workspace.messages.of(room)]


@asynccontextmanager
async def open_demo_page(
    browser: Browser,
    version: str = "8.3",
    size: tuple[int, int] = WIDE,
    *,
    limit_calls: int = 1000,
) -> AsyncIterator[DemoPage]:
    async with Simulator(version=version, limit_calls=limit_calls) as simulator:
        people = seed(simulator.workspace)
        simulator.demo_people.extend(people.visitors)
        width, height = size
        page = await browser.new_page(viewport={"width": width, "height": height})
        page.set_default_timeout(TIMEOUT_MS)
        demo = DemoPage(simulator, people, page)
        page.on("pageerror", lambda error: demo.problems.append(str(error)))
        page.on("request", lambda request: demo.requests.append(request.url))
        try:
            yield demo
        finally:
            await page.close()
        assert demo.problems == []


@asynccontextmanager
async def open_browser() -> AsyncIterator[Browser]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        give_up("needs Chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            await browser.close()
