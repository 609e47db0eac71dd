"""Somebody, or many in one room, write more than the bot answers: the others are answered."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Iterator, MutableMapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from structlog.testing import capture_logs

from bot.delivery.reply_throttle import REPLIES_PER_MINUTE
from tests.support.deadlines import DEADLINE_S
from tests.support.people import Guest
from tests.support.stage import Stage, open_stage

GROUPS, MENTIONS = 100, 20
TOO_FAST = "Too fast: I answer 20 messages a minute from one person."


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with open_stage(tmp_path, limit_calls=100_000) as opened:
        yield opened


@pytest.fixture
def logs() -> Iterator[list[MutableMapping[str, Any]]]:
    with capture_logs() as captured:
        yield captured


def count_replies(guest: Guest) -> int:
    return sum("no command" in text for text in guest.texts)


async def test_two_thousand_mentions_keep_nobody_else_waiting(stage: Stage) -> None:
    mallory, alice = stage.invite("mallory"), stage.invite("alice")
    await alice.connect()
    workspace = stage.simulator.workspace
    groups = [
        workspace.make_channel(f"group{number}", [mallory.user, alice.bot], is_private=True)
        for number in range(GROUPS)
    ]
    stage.begin_minute()
    for number in range(MENTIONS):
        for group in groups:
            mallory.say(f"@{mallory.bot.username} !nothing{number}", group)
    await asyncio.sleep(0)
    alice.say("!sessions")
    await alice.hear("signed in as you")
    assert count_replies(mallory) <= REPLIES_PER_MINUTE
    # The rest is told, once.
    await mallory.wait_for_text(TOO_FAST)
    alice.say("!help session")
    await alice.hear("Show one of your sessions")
    assert count_replies(mallory) == REPLIES_PER_MINUTE
    # Nothing that waited in the inbox is asked for again.
    await wait_for_metric(stage, r'messages_too_fast_total{scope="person"} \d{3}')
    assert not stage.count_calls("chat.getMessage")
    assert sum(TOO_FAST in text for text in mallory.texts) == 1


async def wait_for_metric(stage: Stage, line: str) -> None:
    address = f"{stage.bot.public_url}/metrics"
    async with asyncio.timeout(2 * DEADLINE_S), aiohttp.ClientSession() as browser:
        while True:
            async with browser.get(address) as response:
                if re.search(f"session_bot_{line}", await response.text()):
                    return
            await asyncio.sleep(0.1)


async def test_strangers_who_flood_a_room_are_told_there_and_members_are_answered(
    logs: list[MutableMapping[str, Any]], stage: Stage
) -> None:
    alice = stage.invite("alice")
    await alice.connect()
    workspace, bot = stage.simulator.workspace, alice.bot
    strangers = [stage.invite(f"stranger{each}") for each in range(2 * REPLIES_PER_MINUTE)]
    room = workspace.make_channel("flooded", [alice.user, bot, *(each.user for each in strangers)])
    stage.begin_minute()
    for stranger in strangers:
        stranger.say(f"@{bot.username} !help", room)
    alice.say(f"@{bot.username} !help", room)
    await alice.hear("!sessions")
    await wait_for_metric(stage, f'messages_too_fast_total{{scope="room"}} {REPLIES_PER_MINUTE}')
    told = [each for each in workspace.messages.of(room) if "Too many people" in each["msg"]]
    assert len(told) == 1
    assert told[0]["tmid"]
    warned = [each for each in logs if each["event"] == "strangers write too fast in a room"]
    assert [each["room_id"] for each in warned] == [room.id]
    # People are answered side by side, so any of them may be among the first.
    async with asyncio.timeout(DEADLINE_S):
        while len(answered := [each for each in strangers if each.texts]) < REPLIES_PER_MINUTE:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.05)
    assert len(answered) == REPLIES_PER_MINUTE


async def test_who_writes_too_fast_is_told_once_a_minute_in_whatever_room(
    logs: list[MutableMapping[str, Any]], stage: Stage
) -> None:
    cat = stage.invite("cat")
    names = [f"n{number}" for number in range(REPLIES_PER_MINUTE)]
    stage.begin_minute()
    began_at = time.monotonic()
    cat.ask(*names)
    await cat.wait_for_answers(*names)
    cat.ask("late", "later")
    channel = stage.simulator.workspace.make_channel("talk", [cat.user, cat.bot])
    cat.say(f"@{cat.bot.username} !latest", channel)
    told = await cat.wait_for_text(TOO_FAST)
    [seconds] = re.findall(r"Ask again in (\d+) seconds?\.", told)
    assert 59 - (time.monotonic() - began_at) <= int(seconds) <= 60
    await wait_for_metric(stage, 'messages_too_fast_total{scope="person"} 3')
    stage.advance_workspace_clock(61)
    await cat.expect_nothing_more()
    assert sum(TOO_FAST in text for text in cat.texts) == 1
    warned = [each for each in logs if each["event"] == "a person writes too fast"]
    assert [each["user_id"] for each in warned] == [cat.user.id]


async def test_a_confirmation_is_answered_however_much_was_asked_before(stage: Stage) -> None:
    cat = stage.invite("cat")
    await cat.connect()
    cat.say("!forget")
    await cat.hear("!confirm")
    stage.begin_minute()
    cat.ask(*(f"n{number}" for number in range(2 * REPLIES_PER_MINUTE)))
    await cat.wait_for_text(TOO_FAST)
    cat.say("!confirm")
    await cat.hear("I have erased everything")
    # Only as many confirmations; the first that is left out is told, too.
    for _ in range(REPLIES_PER_MINUTE + 1):
        cat.say("!confirm")
    await cat.wait_until(lambda guest: sum(TOO_FAST in text for text in guest.texts) == 2)


async def test_a_message_that_is_tried_again_is_counted_once(stage: Stage) -> None:
    cat = stage.invite("cat")
    stage.simulator.faults.fail_next("chat.sendMessage", status=503, times=5)
    names = [f"n{number}" for number in range(REPLIES_PER_MINUTE)]
    cat.ask(*names)
    await cat.wait_for_answers(*names)
    assert not any(TOO_FAST in text for text in cat.texts)
