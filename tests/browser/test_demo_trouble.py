"""Each button of the demo that makes trouble: what it does, what it says, what the bot does."""

import asyncio
import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from bot.demo.actions import Durations
from rocketchat_simulator import Document
from tests.browser.demo_page import WIDE
from tests.browser.journey import Newcomer, open_newcomer
from tests.browser.test_journey import no_picture
from tests.support.deadlines import DEADLINE_S

pytestmark = pytest.mark.asyncio(loop_scope="session")

# A wait is told in its third second if it goes on for one more; the rest is for a busy machine.
LIMITED_S = 8.0


class Trouble:
    """Lets what the buttons begin last until the test ends it."""

    def __init__(self) -> None:
        self._is_over = asyncio.Event()

    async def last(self, _seconds: float) -> None:
        await self._is_over.wait()
        self._is_over.clear()

    def end(self) -> None:
        self._is_over.set()


@pytest.fixture(scope="module")
def trouble() -> Trouble:
    return Trouble()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def visitor(browser: Browser, trouble: Trouble) -> AsyncIterator[Newcomer]:
    durations = Durations(limited_s=LIMITED_S, sleep=trouble.last)
    async with open_newcomer(browser, WIDE, no_picture, durations=durations) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="session")
async def connected(visitor: Newcomer) -> Newcomer:
    """Sign in and connect, unless an earlier test has."""
    await visitor.page.goto(visitor.simulator.url)
    enter = visitor.page.get_by_role("button", name="Sign in as Alice Example")
    await expect(enter.or_(visitor.talk)).to_be_visible()
    if await enter.is_visible():
        await visitor.go_through()
    return visitor


async def see_told(visitor: Newcomer, words: str) -> None:
    await expect(visitor.page.locator(".demo-message")).to_contain_text(words)


async def press(visitor: Newcomer, button: str, told: str) -> None:
    await visitor.page.get_by_role("button", name=button, exact=True).click()
    await see_told(visitor, told)


def said(visitor: Newcomer) -> list[Document]:
    """Return the messages of Alice's direct message with the bot, oldest first."""
    workspace, people = visitor.simulator.workspace, visitor.people
    return workspace.messages.of(workspace.direct_room(people.alice, people.bot))


async def wait_for_answer(visitor: Newcomer, question: str) -> Document:
    """Return the one message that the bot has sent after the last such question."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            messages = said(visitor)
            asked = [at for at, each in enumerate(messages) if each["msg"] == question]
            if asked and (answers := messages[asked[-1] + 1 :]):
                return answers[0]
            await asyncio.sleep(0.02)


async def wait_for_connections(visitor: Newcomer, number: int) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while visitor.simulator.realtime.connections != number:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.02)


async def test_what_is_asked_during_the_cut_is_answered_once_after_it(
    connected: Newcomer, trouble: Trouble
) -> None:
    told = "The bot is cut off from the workspace for 10 seconds"
    await press(connected, "Cut the network", told)
    # With the keyboard the next button is one Tab away.
    await expect(connected.page.get_by_role("button", name="Cut the network")).to_be_focused()
    before = len(said(connected))
    await connected.page.locator(".demo-message").get_by_role("button", name="!sessions").click()
    # The page itself is not cut off.
    await expect(connected.talk.locator(".pending")).to_have_count(0)
    assert not await connected.page.get_by_text("The connection is lost").is_visible()
    assert [each["msg"] for each in said(connected)[before:]] == ["!sessions"]
    trouble.end()
    await see_told(connected, "The network is back")
    await wait_for_answer(connected, "!sessions")
    # Nothing more: the answer to the next question is the next thing.
    await connected.ask("!help session", "Show one of your sessions")
    speakers = [each["u"]["username"] for each in said(connected)[before:]]
    assert speakers == ["alice", "sessions"] * 2


async def test_the_bot_is_stopped_and_knows_everything_when_it_runs_again(
    connected: Newcomer, trouble: Trouble
) -> None:
    await press(connected, "Restart the bot", "The bot is stopped for 5 seconds")
    await wait_for_connections(connected, 1)  # the page's
    await connected.say("!whoami")
    trouble.end()
    await see_told(connected, "The bot runs again")
    await wait_for_connections(connected, 2)
    answer = await wait_for_answer(connected, "!whoami")
    assert "You are alice, and you are connected." in answer["msg"]


async def test_a_busy_workspace_lets_the_bot_say_how_long_it_waits(
    connected: Newcomer, trouble: Trouble
) -> None:
    await press(connected, "Use up the rate limit", "For 8 seconds the workspace is too busy")
    await connected.say("!session last")
    waiting = connected.talk.get_by_text("Your workspace limits how many questions")
    await expect(waiting).to_be_visible()
    trouble.end()
    await see_told(connected, "The workspace takes questions again")
    await expect(connected.talk.get_by_text("connected now").last).to_be_in_viewport()
    refused = [each for each in connected.simulator.requests if each.status == 429]
    assert {each.path for each in refused} == {"/api/v1/sessions/list"}


@pytest.mark.parametrize("with_token", [True, False], ids=["token", "oauth"])
async def test_a_revoked_token_is_noticed_and_leads_to_an_invitation(
    connected: Newcomer, *, with_token: bool
) -> None:
    await connected.say("!connect")
    await expect(connected.talk.get_by_text("Here is your link.").last).to_be_in_viewport()
    await connected.connect_again(with_token=with_token)
    await expect(connected.talk.get_by_text("You are connected").last).to_be_in_viewport()
    suggestion = connected.page.get_by_role("group", name="Suggestions").get_by_role("button")
    await expect(suggestion.first).to_have_text("!sessions")
    await press(connected, "Revoke the token", "The token that you gave the bot is revoked")
    await connected.say("!session last")
    dead = "Your workspace no longer accepts the token you gave me"
    await expect(connected.talk.get_by_text(dead).last).to_be_in_viewport()
    await expect(suggestion.nth(1)).to_have_text("!connect")
    tokens = connected.people.alice.tokens.values()
    assert {each.name for each in tokens} == {"", "nightly backup"}
    await connected.connect_again(with_token=False)
    await expect(suggestion.first).to_have_text("!sessions")


async def test_reset_brings_back_the_beginning_in_the_same_program(connected: Newcomer) -> None:
    before = connected.simulator
    await connected.ask("!report daily 09:00", "You get a report every day")
    await press(connected, "Next report", "Your report is due")
    # Whatever goes on is over, too.
    await press(connected, "Cut the network", "The bot is cut off")
    await connected.page.get_by_role("button", name="Reset").click()
    enter = connected.page.get_by_role("button", name="Sign in as Alice Example")
    await enter.wait_for()
    await expect(connected.page.get_by_text("Everything is as it was")).to_be_visible()
    assert connected.simulator is not before
    assert connected.simulator.url == before.url
    await enter.click()
    await expect(connected.page.get_by_role("heading", name="Hello, Alice")).to_be_visible()
    assert said(connected) == []
    await expect(connected.page.locator(".demo-time")).not_to_have_class(re.compile("moved"))
    await press(connected, "Revoke the token", "has no token of yours. First connect:")
    await press(
        connected, "Use up the rate limit", "needs your token before it can be made to wait"
    )
    await connected.page.locator(".demo-message").get_by_role("button", name="!connect").click()
    await expect(connected.talk.get_by_text("Here is your link.")).to_be_visible()
