"""Failures inside the bot: its database, its token, a stop in the middle of its work."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import pytest

from bot.config import StorageSettings
from bot.errors import TokenRejectedError
from tests.support.deadlines import DEADLINE_S
from tests.support.people import Guest
from tests.support.stage import RunningBot, Stage, open_stage


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with open_stage(tmp_path, bots=0) as opened:
        yield opened


async def fetch_status(running: RunningBot, page: str) -> int:
    address = f"{running.bot.public_url}/{page}"
    async with aiohttp.ClientSession() as http, http.get(address) as response:
        return response.status


async def wait_for_status(running: RunningBot, page: str, status: int) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while await fetch_status(running, page) != status:  # noqa: ASYNC110 - as a monitor does
            await asyncio.sleep(0.05)


@contextmanager
def locked_database(folder: Path) -> Iterator[None]:
    other = sqlite3.connect(folder / "bot.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


def make_impatient(stage: Stage) -> StorageSettings:
    return StorageSettings(url=f"sqlite:///{stage.folder / 'bot.db'}?timeout=0.1")


async def test_a_locked_database_is_admitted_and_nothing_is_lost(stage: Stage) -> None:
    alice = stage.invite("alice")
    async with stage.run_bot(storage=make_impatient(stage)) as running:
        assert await fetch_status(running, "readyz") == 200
        with locked_database(stage.folder):
            alice.ask("one", "two")
            await alice.wait_for_text("My database can't be reached")
            await wait_for_status(running, "readyz", 503)
            assert await fetch_status(running, "healthz") == 200
            assert alice.answered == []
        await alice.wait_for_answers("one", "two")
        assert sum("My database can't" in text for text in alice.texts) <= 2
        await wait_for_status(running, "readyz", 200)
        await alice.expect_nothing_more()


async def test_an_idle_bot_notices_that_its_database_works_again(stage: Stage) -> None:
    async with stage.run_bot(storage=make_impatient(stage)) as running:
        with locked_database(stage.folder):
            await wait_for_status(running, "readyz", 503)
        await wait_for_status(running, "readyz", 200)


async def test_it_is_not_ready_while_deaf(stage: Stage) -> None:
    async with stage.run_bot() as running:
        await stage.cut_off(20)
        await wait_for_status(running, "readyz", 503)
        assert await fetch_status(running, "healthz") == 200
        stage.simulator.faults.clear()
        await wait_for_status(running, "readyz", 200)


async def test_it_is_not_ready_while_catching_up(stage: Stage) -> None:
    alice = stage.invite("alice")
    async with stage.run_bot() as running:
        is_seen = asyncio.Event()
        stage.simulator.faults.hold_answer("rooms.get", is_seen)
        await stage.simulator.realtime.drop_all()
        await wait_for_status(running, "readyz", 503)
        alice.ask("one")
        is_seen.set()
        await wait_for_status(running, "readyz", 200)
        await alice.wait_for_answers("one")


def refuse(stage: Stage, route: str, times: int) -> None:
    body = '{"status": "error", "message": "You must be logged in to do this."}'
    stage.simulator.faults.fail_next(
        route, status=401, body=body, content_type="application/json", times=times
    )


async def test_a_dead_token_of_its_own_ends_the_program(stage: Stage) -> None:
    alice = stage.invite("alice")
    async with stage.run_bot() as running:
        # The websocket stays open, so that only sending can find out.
        refuse(stage, "chat.sendMessage", times=9)
        refuse(stage, "me", times=9)
        alice.ask("one")
        async with asyncio.timeout(DEADLINE_S):
            await asyncio.wait([running.task])
        error = running.task.exception()
        assert isinstance(error, BaseExceptionGroup)
        assert error.subgroup(TokenRejectedError) is not None


async def test_a_401_that_only_a_gateway_gives_does_not_end_the_program(
    stage: Stage,
) -> None:
    alice = stage.invite("alice")
    async with stage.run_bot():
        refuse(stage, "chat.sendMessage", times=2)
        alice.ask("one")
        await alice.wait_for_answers("one")


async def test_what_was_confirmed_is_done_once_even_if_its_answer_was_cut_off(
    stage: Stage,
) -> None:
    alice = stage.invite("alice")
    async with stage.run_bot() as running:
        await alice.connect()
        alice.say("!logout others 1")
        await alice.wait_for_text("Send `!confirm`")
        stage.simulator.faults.fail_next("chat.sendMessage", status=503, times=1000)
        alice.say("!confirm")
        await stage.wait_for_calls("sessions/logout.me")
        await wait_for_failed_send(stage)
        running.task.cancel()
        await asyncio.wait([running.task])
    stage.simulator.faults.clear()
    done = stage.count_calls("sessions/logout.me")
    async with stage.run_bot():
        await alice.wait_for_text("Signed out 7 devices.")
        assert stage.count_calls("sessions/logout.me") == done == 9
        await alice.expect_nothing_more()


async def connect(guest: Guest, link: str) -> None:
    visit = await guest.fill_in(link)
    assert visit.status == 200, visit.page


async def wait_for_failed_send(stage: Stage) -> None:
    """Wait until the bot has tried to send: it then looks for the message."""
    before = stage.count_calls("chat.getMessage")
    async with asyncio.timeout(DEADLINE_S):
        while stage.count_calls("chat.getMessage") == before:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.01)


async def test_the_question_before_connecting_is_answered_whatever_happens_in_between(
    stage: Stage,
) -> None:
    alice = stage.invite("alice")
    async with stage.run_bot() as running:
        link = await alice.ask_for_link("!sessions")
        stage.simulator.faults.fail_next("chat.sendMessage", status=503, times=1000)
        await connect(alice, link)
        running.task.cancel()
        await asyncio.wait([running.task])
    stage.simulator.faults.clear()
    async with stage.run_bot():
        await alice.wait_for_text("devices are signed in as you")
        assert sum("signed in as you" in text for text in alice.texts) == 1
        await alice.expect_nothing_more()


async def test_only_the_last_question_is_answered_after_connecting(stage: Stage) -> None:
    alice = stage.invite("alice")
    async with stage.run_bot():
        await alice.ask_for_link("!session QoYYFw2t9oKks2niG")
        await connect(alice, await alice.ask_for_link("!sessions"))
        await alice.wait_for_text("devices are signed in as you")
        await alice.expect_nothing_more()
        assert not any(text.startswith("Chrome 113 on") for text in alice.texts)


async def test_of_an_answered_message_the_inbox_keeps_the_id_alone(stage: Stage) -> None:
    alice = stage.invite("alice")
    async with stage.run_bot():
        (question,) = alice.ask("unmistakable")
        await alice.wait_for_answers("unmistakable")
    database = sqlite3.connect(stage.folder / "bot.db")
    stored = str(database.execute("SELECT * FROM inbox").fetchall())
    database.close()
    assert question["_id"] in stored
    assert "unmistakable" not in stored
    assert alice.user.id not in stored
