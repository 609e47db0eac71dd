from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from rocketchat_simulator.demo.seed import EXAMPLE_SESSION_ID
from rocketchat_simulator.workspace.events import RoomActivity
from tests.browser.demo_page import NARROW, DemoPage, open_demo_page

pytestmark = pytest.mark.asyncio(loop_scope="session")
EXAMPLE = f"!session {EXAMPLE_SESSION_ID}"
SUMMARY = {
    "color": "#2de0a5",
    "title": "kitchen tablet",
    "text": "Not you? Send `!logout 1`",
    "fields": [
        {"title": "Signed in", "value": "today, 09:00", "short": True},
        {"title": "IP address", "value": "`203.0.113.7`", "short": True},
    ],
}


@pytest_asyncio.fixture(loop_scope="session")
async def demo(browser: Browser) -> AsyncIterator[DemoPage]:
    async with open_demo_page(browser) as opened:
        yield opened


@pytest.mark.parametrize("version", ["6.5", "8.3", "8.8"])
async def test_one_click_signs_in_and_one_more_asks_the_bot(browser: Browser, version: str) -> None:
    async with open_demo_page(browser, version) as demo:
        await demo.page.goto(demo.simulator.url)
        await expect(demo.page.get_by_text("nothing leaves the machine")).to_be_visible()
        await demo.sign_in()
        await demo.page.get_by_role("button", name=EXAMPLE).click()
        sent = demo.page.get_by_role("log").get_by_text(EXAMPLE)
        await expect(sent).to_be_visible()
        await demo.wait_until_said(demo.bot_room, EXAMPLE)


async def test_nobody_but_the_workspace_is_asked_for_anything(demo: DemoPage) -> None:
    await demo.sign_in()
    hosts = {urlsplit(url).netloc for url in demo.requests if not url.startswith("data:")}
    assert hosts == {urlsplit(demo.simulator.url).netloc}


async def test_bob_is_offered_a_session_of_his_own(demo: DemoPage) -> None:
    await demo.sign_in("Bob Beispiel")
    rows = demo.simulator.workspace.sessions.rows_of(demo.people.bob)
    oldest = min(rows, key=lambda row: row["loginAt"])
    chip = demo.page.get_by_role("button", name=f"!session {oldest['sessionId']}")
    await expect(chip).to_be_visible()


async def test_an_answer_shows_title_text_and_short_fields_side_by_side(demo: DemoPage) -> None:
    await demo.sign_in()
    demo.bot_says("Firefox: connected now", attachments=[SUMMARY])
    await expect(demo.page.get_by_text("kitchen tablet")).to_be_visible()
    await expect(demo.page.locator(".attachment code").first).to_have_text("!logout 1")
    tops = await demo.page.locator(".field").evaluate_all(
        "fields => fields.map(field => field.getBoundingClientRect().top)"
    )
    assert tops[0] == tops[1]


async def test_typing_is_shown_until_the_answer_comes(demo: DemoPage) -> None:
    await demo.sign_in()
    activity = RoomActivity(demo.bot_room.id, "user-activity", ("sessions", ["user-typing"], {}))
    typing = demo.page.get_by_text("Sessions is typing")
    # The page may still be subscribing; typing is sent repeatedly anyway.
    while not await typing.is_visible():
        demo.simulator.workspace.event_bus.publish(activity)
        await demo.page.wait_for_timeout(50)
    demo.bot_says("Here I am.")
    await expect(typing).to_be_hidden()


async def test_a_dot_marks_a_room_with_new_messages_until_it_is_opened(demo: DemoPage) -> None:
    await demo.sign_in()
    room = demo.page.locator(".room", has_text="general")
    await expect(room.get_by_role("img", name="new messages")).to_be_visible()
    await demo.open_room("general")
    await expect(room.get_by_role("img", name="new messages")).to_be_hidden()
    demo.bot_says("Psst.")
    bot_room = demo.page.locator(".room", has_text="Sessions")
    await expect(bot_room.get_by_role("img", name="new messages")).to_be_visible()


async def test_a_thread_opens_beside_the_room_and_takes_an_answer(demo: DemoPage) -> None:
    await demo.sign_in()
    before = demo.said_in(demo.general)
    await demo.open_room("general")
    await demo.page.get_by_role("button", name="@sessions help").click()
    root = demo.page.locator("article", has_text="help")
    await expect(root).to_be_visible()
    await demo.wait_until_said(demo.general, *before, "@sessions help")
    root_id = demo.simulator.workspace.messages.of(demo.general)[-1]["_id"]
    demo.simulator.workspace.say(demo.people.bot, demo.general, "Look.", thread_id=root_id)
    await root.get_by_role("button", name="1 reply").click()
    panel = demo.page.get_by_role("complementary", name="Thread")
    await expect(panel.get_by_text("Look.")).to_be_visible()
    await panel.get_by_role("textbox").fill("Thanks")
    await panel.get_by_role("textbox").press("Enter")
    await expect(root.get_by_role("button", name="2 replies")).to_be_visible()
    answer = demo.simulator.workspace.messages.of(demo.general)[-1]
    assert (answer["msg"], answer["tmid"]) == ("Thanks", root_id)


async def test_the_devices_panel_lists_sessions_and_asks_about_them(demo: DemoPage) -> None:
    await demo.sign_in()
    panel = await demo.open_panel("Manage devices")
    await expect(panel.get_by_text(EXAMPLE_SESSION_ID)).to_be_visible()
    await expect(panel.get_by_role("listitem")).to_have_count(11)
    here = panel.get_by_role("listitem").filter(has_text="this page")
    await expect(here).to_have_count(1)
    await expect(panel.get_by_text("Unknown device")).to_be_visible()
    await panel.get_by_role("button", name="Ask the bot about RC Mobile").click()
    await expect(demo.page.get_by_role("log").get_by_text("!session gT5nKa9")).to_be_visible()


async def test_a_new_token_is_shown_once_with_the_user_id_and_works(demo: DemoPage) -> None:
    await demo.sign_in()
    panel = await demo.open_panel("Personal access tokens")
    await panel.get_by_role("button", name="Add").click()
    shown = panel.locator(".fresh code")
    await expect(shown).to_have_count(2)
    user_id, token = await shown.all_text_contents()
    assert demo.simulator.workspace.user_of_token(token, user_id) is demo.people.alice
    await demo.page.keyboard.press("Escape")
    panel = await demo.open_panel("Personal access tokens")
    await expect(panel.get_by_role("button", name="Delete session bot")).to_be_visible()
    await expect(panel.get_by_text(token)).to_have_count(0)
    await panel.get_by_role("button", name="Delete session bot").click()
    await expect(panel.get_by_role("button", name="Delete session bot")).to_have_count(0)
    assert demo.simulator.workspace.user_of_token(token) is None


async def test_a_token_name_that_is_taken_is_refused_in_words(demo: DemoPage) -> None:
    await demo.sign_in()
    panel = await demo.open_panel("Personal access tokens")
    await expect(panel.get_by_role("button", name="Delete nightly backup")).to_be_visible()
    await panel.get_by_label("Name of the new token").fill("nightly backup")
    await panel.get_by_role("button", name="Add").click()
    await expect(panel.get_by_role("alert")).to_contain_text("already exists")


async def test_after_a_break_the_page_comes_back_with_what_it_missed(demo: DemoPage) -> None:
    await demo.sign_in()
    await demo.simulator.realtime.drop_all()
    demo.bot_says("Did you hear me?")
    await expect(demo.page.get_by_text("Did you hear me?")).to_be_visible()
    demo.bot_says("And now?")
    await expect(demo.page.get_by_text("And now?")).to_be_visible()
    await expect(demo.page.get_by_text("Did you hear me?")).to_have_count(1)


async def test_a_reload_keeps_the_sign_in_and_the_conversation(demo: DemoPage) -> None:
    await demo.sign_in()
    demo.bot_says("Still here.")
    await demo.page.reload()
    await expect(demo.page.get_by_text("Still here.")).to_be_visible()


async def test_being_signed_out_elsewhere_leads_back_to_the_sign_in(demo: DemoPage) -> None:
    await demo.sign_in()
    panel = await demo.open_panel("Manage devices")
    here = panel.get_by_role("listitem").filter(has_text="this page")
    session_id = await here.locator("code").text_content()
    demo.simulator.workspace.logout_session(str(session_id), demo.people.alice)
    await expect(demo.page.get_by_text("You were signed out")).to_be_visible()
    await expect(demo.page.get_by_role("button", name="Sign in as Bob")).to_be_visible()


async def test_signing_out_ends_the_token_and_forgets_it(demo: DemoPage) -> None:
    before = set(demo.people.alice.tokens)
    await demo.sign_in()
    assert set(demo.people.alice.tokens) > before
    await demo.page.get_by_role("button", name="Sign out").click()
    await expect(demo.page.get_by_role("button", name="Sign in as Alice")).to_be_visible()
    assert set(demo.people.alice.tokens) == before
    assert await demo.page.evaluate("sessionStorage.length") == 0


async def test_on_a_phone_the_rooms_are_in_a_drawer_and_nothing_is_too_wide(
    browser: Browser,
) -> None:
    async with open_demo_page(browser, size=NARROW) as demo:
        await demo.sign_in()
        demo.bot_says("x" * 300, attachments=[SUMMARY])
        await expect(demo.page.locator(".field")).to_have_count(2)
        fields = await demo.page.locator(".field").evaluate_all(
            "fields => fields.map(field => field.getBoundingClientRect().left)"
        )
        assert fields[0] == fields[1]
        assert await demo.page.evaluate("document.documentElement.scrollWidth") <= NARROW[0]
        await expect(demo.page.locator(".room", has_text="general")).to_be_hidden()
        await demo.page.get_by_role("button", name="Rooms, new messages").click()
        await demo.open_room("general")
        await expect(demo.page.locator(".room", has_text="general")).to_be_hidden()
        await demo.open_panel("Personal access tokens")
        assert await demo.page.evaluate("document.documentElement.scrollWidth") <= NARROW[0]
