"""What fails inside the bot or in the middle of its work: its database, its token, a stop."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import pytest

from bot.config import StorageSettings
from bot.demo.demo import find_link
from bot.errors import TokenRejectedError
from rocketchat_simulator import open_person
from tests.support.outage_stage import DEADLINE, Guest, OutageStage, Running, open_outage_stage


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[OutageStage]:
    async with open_outage_stage(tmp_path) as opened:
        yield opened


async def fetch_status(running: Running, page: str) -> int:
    address = f"{running.bot.public_url}/{page}"
    async with aiohttp.ClientSession() as http, http.get(address) as response:
        return response.status


async def wait_for_status(running: Running, page: str, status: int) -> None:
    async with asyncio.timeout(DEADLINE):
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


def make_impatient(stage: OutageStage) -> StorageSettings:
    return StorageSettings(url=f"sqlite:///{stage.folder / 'bot.db'}?timeout=0.1")


async def test_a_locked_database_is_admitted_and_nothing_is_lost(stage: OutageStage) -> None:
    alice = stage.invite("alice")
    async with stage.run_bot(storage=make_impatient(stage)) as running:
        assert await fetch_status(running, "readyz") == 200
        with locked_database(stage.folder):
            alice.ask("one", "two")
            await alice.wait_for_text("I can't reach my own memory")
            await wait_for_status(running, "readyz", 503)
            assert await fetch_status(running, "healthz") == 200
            assert alice.answered == []
        await alice.wait_for_answers("one", "two")
        assert sum("my own memory" in text for text in alice.texts) <= 2
        await wait_for_status(running, "readyz", 200)
        await alice.expect_nothing_more()


async def test_an_idle_bot_notices_that_its_database_works_again(stage: OutageStage) -> None:
    async with stage.run_bot(storage=make_impatient(stage)) as running:
        with locked_database(stage.folder):
            await wait_for_status(running, "readyz", 503)
        await wait_for_status(running, "readyz", 200)


async def test_it_is_not_ready_while_deaf(stage: OutageStage) -> None:
    async with stage.run_bot() as running:
        await stage.cut_off(20)
        await wait_for_status(running, "readyz", 503)
        assert await fetch_status(running, "healthz") == 200
        stage.simulator.faults.clear()
        await wait_for_status(running, "readyz", 200)


async def test_it_is_not_ready_while_catching_up(stage: OutageStage) -> None:
    alice = stage.invite("alice")
    async with stage.run_bot() as running:
        stage.simulator.faults.delay_answer("rooms.get", 1.0)
        await stage.simulator.realtime.drop_all()
        await wait_for_status(running, "readyz", 503)
        alice.ask("one")
        await wait_for_status(running, "readyz", 200)
        await alice.wait_for_answers("one")


def refuse(stage: OutageStage, route: str, times: int) -> None:
    body = '{"status": "error", "message": "You must be logged in to do this."}'
    stage.simulator.faults.fail_next(
        route, status=401, body=body, content_type="application/json", times=times
    )


async def test_a_dead_token_of_its_own_ends_the_program(stage: OutageStage) -> None:
    alice = stage.invite("alice")
    async with stage.run_bot() as running:
        # The socket stays open in this test, so that only the sending can find out.
        refuse(stage, "chat.sendMessage", times=9)
        refuse(stage, "me", times=9)
        alice.ask("one")
        async with asyncio.timeout(DEADLINE):
            await asyncio.wait([running.task])
        error = running.task.exception()
        assert isinstance(error, BaseExceptionGroup)
        assert error.subgroup(TokenRejectedError) is not None


async def test_a_401_that_only_a_gateway_gives_does_not_end_the_program(
    stage: OutageStage,
) -> None:
    alice = stage.invite("alice")
    async with stage.run_bot():
        refuse(stage, "chat.sendMessage", times=2)
        alice.ask("one")
        await alice.wait_for_answers("one")


async def connect(stage: OutageStage, guest: Guest, link: str) -> None:
    url, user = stage.simulator.url, guest.user
    async with open_person(url, user.username, user.password) as person:
        token = await person.make_personal_access_token(f"bot {link[-6:]}")
        status, page = await person.fill_in(link, user_id=user.id, token=token)
        assert status == 200, page


async def ask_for_link(guest: Guest, text: str) -> str:
    guest.say(text)
    return find_link({"msg": await guest.wait_for_text("/connect/")})


def count_calls(stage: OutageStage, route: str) -> int:
    return sum(each.path.endswith(route) for each in stage.simulator.requests)


async def test_what_was_confirmed_is_done_once_even_if_its_answer_was_cut_off(
    stage: OutageStage,
) -> None:
    alice = stage.invite("alice")
    async with stage.run_bot() as running:
        await connect(stage, alice, await ask_for_link(alice, "!connect"))
        await alice.wait_for_text("You are connected")
        alice.say("!logout others")
        await alice.wait_for_text("Send `!confirm`")
        stage.simulator.faults.fail_next("chat.sendMessage", status=503, times=1000)
        alice.say("!confirm")
        await stage.wait_for_call("sessions/logout.me")
        await wait_for_failed_send(stage)
        running.task.cancel()
        await asyncio.wait([running.task])
    stage.simulator.faults.clear()
    done = count_calls(stage, "sessions/logout.me")
    async with stage.run_bot():
        await alice.wait_for_text("Signed out 10 sessions.")
        assert count_calls(stage, "sessions/logout.me") == done == 10
        await alice.expect_nothing_more()


async def wait_for_failed_send(stage: OutageStage) -> None:
    """Wait until the answer was tried: each try asks whether it is there after all."""
    before = count_calls(stage, "chat.getMessage")
    async with asyncio.timeout(DEADLINE):
        while count_calls(stage, "chat.getMessage") == before:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.01)


async def test_the_question_before_connecting_is_answered_whatever_happens_in_between(
    stage: OutageStage,
) -> None:
    alice = stage.invite("alice")
    async with stage.run_bot() as running:
        link = await ask_for_link(alice, "!sessions")
        stage.simulator.faults.fail_next("chat.sendMessage", status=503, times=1000)
        await connect(stage, alice, link)
        running.task.cancel()
        await asyncio.wait([running.task])
    stage.simulator.faults.clear()
    async with stage.run_bot():
        await alice.wait_for_text("devices are signed in as you")
        assert sum("signed in as you" in text for text in alice.texts) == 1
        await alice.expect_nothing_more()


async def test_only_the_last_question_is_answered_after_connecting(stage: OutageStage) -> None:
    alice = stage.invite("alice")
    async with stage.run_bot():
        await ask_for_link(alice, "!session QoYYFw2t9oKks2niG")
        alice.say("!sessions")
        await alice.wait_until(lambda guest: len(guest.texts) == 2)
        link = find_link({"msg": alice.texts[-1]})
        await connect(stage, alice, link)
        await alice.wait_for_text("devices are signed in as you")
        await alice.expect_nothing_more()
        assert not any(text.startswith("Chrome 113 on") for text in alice.texts)


async def test_of_an_answered_message_the_inbox_keeps_the_id_alone(stage: OutageStage) -> None:
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
