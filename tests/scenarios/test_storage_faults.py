"""A failing database and missing keys under the whole bot: people and operators are told."""

import asyncio
import base64
import os
import re
from collections.abc import AsyncIterator, Iterator, MutableMapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from structlog.testing import capture_logs

from bot.app import open_bot
from bot.config import StorageSettings
from bot.demo.demo import find_link
from bot.errors import ConfigError, StorageError
from rocketchat_simulator import open_person
from tests.support.outage_stage import DEADLINE, Guest, OutageStage, Running, open_outage_stage
from tests.support.storage_faults import (
    Damage,
    lock_by_another_program,
    run_program,
    run_to_its_end,
)

MEMORY = "I can't reach my own memory"
Logs = list[MutableMapping[str, Any]]


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[OutageStage]:
    async with open_outage_stage(tmp_path) as opened:
        # Impatient with a locked file, so that the tests need not be patient.
        storage = StorageSettings(url=f"sqlite:///{tmp_path / 'bot.db'}?timeout=0.1")
        opened.settings = opened.settings.model_copy(update={"storage": storage})
        yield opened


@pytest.fixture
def alice(stage: OutageStage) -> Guest:
    return stage.invite("alice")


@pytest.fixture
def logs() -> Iterator[Logs]:
    with capture_logs() as captured:
        yield captured


def find_problems(logs: Logs, event: str) -> list[str]:
    return [str(each["problem"]) for each in logs if each["event"].startswith(event)]


async def wait_for_health(base: str, healthz: int, readyz: int) -> None:
    async with asyncio.timeout(DEADLINE), aiohttp.ClientSession() as http:
        while True:
            async with http.get(f"{base}/healthz") as health, http.get(f"{base}/readyz") as ready:
                if (health.status, ready.status) == (healthz, readyz):
                    return
            await asyncio.sleep(0.05)


async def expect_trouble(base: str, alice: Guest) -> None:
    """See that whoever asks is told, and nobody answered wrongly."""
    alice.ask("one", "two")
    await alice.wait_for_text(MEMORY)
    await wait_for_health(base, 200, 503)
    assert not {"one", "two"} & set(alice.answered)


async def expect_recovery(base: str, alice: Guest) -> None:
    """See that what was asked meanwhile is answered once, in order, without anybody's doing."""
    await alice.wait_until(lambda guest: {"one", "two"} <= set(guest.answered))
    assert [name for name in alice.answered if name != "before"] == ["one", "two"]
    await wait_for_health(base, 200, 200)
    assert sum(MEMORY in text for text in alice.texts) <= 2
    await alice.expect_nothing_more()


def expect_advice(logs: Logs, advice: str) -> None:
    """See that the operator was told once, and nothing was a surprise."""
    (problem,) = find_problems(logs, "the database fails; nothing is lost")
    assert advice in problem
    assert "the database works again" in [each["event"] for each in logs]
    assert not [each for each in logs if each.get("exc_info")]


async def connect(stage: OutageStage, guest: Guest) -> None:
    guest.say("!connect")
    link = find_link({"msg": await guest.wait_for_text("/connect/")})
    status, page = await fill_in(stage, guest, link)
    assert status == 200, page
    await guest.wait_for_text("You are connected")


async def fill_in(stage: OutageStage, guest: Guest, link: str) -> tuple[int, str]:
    url, user = stage.simulator.url, guest.user
    async with open_person(url, user.username, user.password) as person:
        token = await person.make_personal_access_token(os.urandom(4).hex())
        return await person.fill_in(link, user_id=user.id, token=token)


async def ask_for_sessions(guest: Guest) -> None:
    before = count_lists(guest)
    guest.say("!sessions")
    await guest.wait_until(lambda each: count_lists(each) > before)


def count_lists(guest: Guest) -> int:
    return sum("signed in as you" in text for text in guest.texts)


async def test_a_full_disk(stage: OutageStage, alice: Guest) -> None:
    bob = stage.invite("robert")
    async with run_program(stage.settings, stage.folder) as program:
        await connect(stage, alice)
        bob.say("!connect")
        link = find_link({"msg": await bob.wait_for_text("/connect/")})
        with program.full_disk():
            await expect_trouble(program.base, alice)
            assert "takes nothing more" in await program.wait_for_log("the database fails")
            status, page = await fill_in(stage, bob, link)
            assert (status, "cannot reach its database" in page) == (503, True)
            await program.wait_for_log("a page could not use the database")
        await expect_recovery(program.base, alice)
        assert program.process.returncode is None
        await ask_for_sessions(alice)
        status, page = await fill_in(stage, bob, link)
        assert status == 200, page
        await bob.wait_for_text("You are connected")


async def test_a_database_that_another_program_locks(
    stage: OutageStage, alice: Guest, logs: Logs
) -> None:
    async with stage.run_bot() as running:
        with lock_by_another_program(stage.folder / "bot.db"):
            await expect_trouble(running.bot.public_url, alice)
        await expect_recovery(running.bot.public_url, alice)
    expect_advice(logs, "locked by another program; close that")


async def test_a_database_that_is_locked_at_the_start(stage: OutageStage, alice: Guest) -> None:
    async with stage.run_bot():
        pass
    with lock_by_another_program(stage.folder / "bot.db"):
        await expect_no_start(stage, StorageError, "locked by another program; close that")
    async with stage.run_bot():
        alice.ask("one")
        await alice.wait_for_answers("one")


async def expect_no_start(stage: OutageStage, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        async with open_bot(stage.settings):
            pytest.fail("it was opened")


async def test_a_database_that_is_damaged_while_the_bot_runs(
    stage: OutageStage, alice: Guest, logs: Logs
) -> None:
    async with stage.run_bot() as running:
        alice.ask("before")
        await alice.wait_for_answers("before")
        damage = Damage(stage.folder / "bot.db", "inbox")
        damage.make()
        await expect_trouble(running.bot.public_url, alice)
        damage.repair()
        await expect_recovery(running.bot.public_url, alice)
    expect_advice(logs, "damaged; restore a backup")


async def test_a_database_that_is_damaged_at_the_start(stage: OutageStage, alice: Guest) -> None:
    async with stage.run_bot():
        await connect(stage, alice)
    path = stage.folder / "bot.db"
    right = path.read_bytes()
    path.write_bytes(right[:100] + b"\xff" * (len(right) - 100))
    status, said = await run_to_its_end(stage.settings, stage.folder)
    assert (status, "Traceback" in said) == (1, False)
    assert re.search(r"^session-bot: The database .* damaged; restore a backup", said, re.MULTILINE)
    path.write_bytes(right)
    async with stage.run_bot():
        await ask_for_sessions(alice)


async def test_a_key_file_that_disappears(stage: OutageStage, alice: Guest, logs: Logs) -> None:
    async with connected_bot(stage, alice) as running:
        key_file, key = take_away_key(stage)
        # What it holds in memory goes on working; only a new start would need the file.
        await ask_for_sessions(alice)
        await wait_for_health(running.bot.public_url, 200, 200)
    (problem,) = find_problems(logs, "the key file has become useless")
    assert f"{key_file} is gone; restore it" in problem
    await expect_no_start(stage, ConfigError, "is missing; restore it")
    put_key(key_file, key)
    async with stage.run_bot():
        await ask_for_sessions(alice)


async def test_a_wrong_key_loses_no_token(stage: OutageStage, alice: Guest, logs: Logs) -> None:
    async with connected_bot(stage, alice) as running:
        key_file, key = take_away_key(stage)
        put_key(key_file, base64.urlsafe_b64encode(bytes(32)).decode())
        alice.say("!sessions")
        await alice.wait_for_text("I can't open the token you lent me")
        await wait_for_health(running.bot.public_url, 200, 200)
    (problem,) = find_problems(logs, "a token does not open")
    assert "now missing" in problem
    await expect_no_start(stage, ConfigError, "Nothing was deleted: restore the key")
    put_key(key_file, key)
    async with stage.run_bot():
        await ask_for_sessions(alice)


@asynccontextmanager
async def connected_bot(stage: OutageStage, guest: Guest) -> AsyncIterator[Running]:
    async with stage.run_bot() as running:
        await connect(stage, guest)
        yield running


def take_away_key(stage: OutageStage) -> tuple[Path, str]:
    key_file = stage.folder / "bot.key"
    key = key_file.read_text()
    key_file.unlink()
    return key_file, key


def put_key(key_file: Path, key: str) -> None:
    key_file.touch(0o600)
    key_file.write_text(f"{key}\n")
