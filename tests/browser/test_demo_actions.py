from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from aiohttp import ClientSession
from playwright.async_api import Browser, Locator, expect

from tests.browser.demo_page import NARROW, WIDE, open_demo_page
from tests.browser.journey import Newcomer, open_newcomer
from tests.browser.test_journey import no_picture
from tests.support.deadlines import DEADLINE_S

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(loop_scope="session")
async def newcomer(browser: Browser) -> AsyncIterator[Newcomer]:
    async with open_newcomer(browser, WIDE, no_picture) as opened:
        yield opened


def find_told(newcomer: Newcomer) -> Locator:
    return newcomer.page.locator(".demo-message")


async def test_the_buttons_bring_a_report_and_an_alert_by_one_clock(newcomer: Newcomer) -> None:
    await newcomer.go_through()
    await newcomer.ask("!report daily 09:00", "You get a report every day at 09:00")
    await newcomer.let_pass("Next report", "Your report is due", "Your report: 9 devices")
    await newcomer.ask("!alerts on", "On since")
    await newcomer.let_pass("An attacker signs in", "The bot has just checked", "New device: Opera")
    await newcomer.let_pass("Next report", "Your report is due", "Your report: 1 new device")
    await newcomer.see_picture(2)
    for place in (".demo-time time", ".message time"):
        shown = await newcomer.page.locator(place).last.get_attribute("datetime")
        behind = newcomer.simulator.workspace.now() - datetime.fromisoformat(str(shown))
        # The page draws its clock three times a minute; the workspace's is hours ahead of ours.
        assert abs(behind) < timedelta(seconds=20 + DEADLINE_S), place


async def test_after_a_month_in_one_press_the_bot_may_still_ask(newcomer: Newcomer) -> None:
    await newcomer.go_through()
    before = newcomer.simulator.workspace.now()
    await newcomer.ask("!report monthly 31 09:00", "You get a report on day 31")
    await newcomer.let_pass("Next report", "Your report is due", "Your report: 9 devices")
    await newcomer.let_pass("Next report", "Your report is due", "nothing has changed")
    assert newcomer.simulator.workspace.now() - before > timedelta(days=27)


async def test_where_nothing_is_planned_the_button_says_what_to_write(newcomer: Newcomer) -> None:
    await newcomer.sign_in()
    await newcomer.page.get_by_role("button", name="Next report").click()
    await expect(find_told(newcomer)).to_contain_text("Nobody has scheduled a report yet")
    await find_told(newcomer).get_by_role("button", name="!report daily 09:00").click()
    await expect(newcomer.talk.get_by_text("!report daily 09:00")).to_be_visible()
    await expect(find_told(newcomer).get_by_role("button")).to_have_count(0)
    await newcomer.page.get_by_role("button", name="An attacker signs in").click()
    await expect(find_told(newcomer)).to_contain_text("your alerts are off")
    await expect(find_told(newcomer).get_by_role("button", name="!alerts on")).to_be_visible()


async def test_on_a_phone_the_buttons_stand_in_one_line(browser: Browser) -> None:
    async with open_newcomer(browser, NARROW, no_picture) as newcomer:
        # Times late in the evening are the longest to write.
        await newcomer.page.clock.set_fixed_time(datetime(2026, 11, 28, 22, 58, tzinfo=UTC))
        await newcomer.sign_in()
        bar = newcomer.page.get_by_role("region", name="Demo")
        await expect(bar.get_by_role("button")).to_have_count(7)
        tops = await bar.locator("time, button").evaluate_all(
            "all => all.map(each => { const box = each.getBoundingClientRect(); "
            "return Math.round(box.top + box.height / 2); })"
        )
        assert max(tops) - min(tops) <= 2
        assert await newcomer.page.evaluate("document.documentElement.scrollWidth") <= NARROW[0]


async def test_only_somebody_signed_in_can_press_the_buttons(newcomer: Newcomer) -> None:
    url = f"{newcomer.simulator.url}/demo/actions"
    alice = newcomer.people.alice
    token = newcomer.simulator.workspace.make_login_token(alice)
    async with ClientSession() as http:
        for headers in ({}, {"X-User-Id": alice.id, "X-Auth-Token": "made up"}):
            async with http.post(f"{url}/attack", headers=headers) as answer:
                assert answer.status == 401
        known = {"X-User-Id": alice.id, "X-Auth-Token": token}
        async with http.post(f"{url}/something-else", headers=known) as answer:
            assert answer.status == 404


async def test_a_workspace_without_a_bot_offers_no_buttons(browser: Browser) -> None:
    async with open_demo_page(browser) as demo:
        await demo.sign_in()
        await expect(demo.page.get_by_role("region", name="Demo")).to_be_hidden()
        await expect(demo.page.get_by_role("button", name="!alerts on")).to_have_count(0)
