"""A failing database and missing keys: people and operators are told."""

import asyncio
import base64
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
from bot.errors import ConfigError, StorageError
from bot.storage.database import migrate_database
from tests.support.deadlines import DEADLINE_S
from tests.support.people import Guest
from tests.support.programs import run_program, run_to_its_end, write_config
from tests.support.stage import RunningBot, Stage, open_stage
from tests.support.storage_faults import Damage, choose_port, full_disk, lock_by_another_program

MEMORY = "My database can't be reached"
Logs = list[MutableMapping[str, Any]]


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with open_stage(tmp_path, bots=0) as opened:
        # Give up soon on a locked file.
        storage = StorageSettings(url=f"sqlite:///{tmp_path / 'bot.db'}?timeout=0.1")
        opened.settings = opened.settings.model_copy(update={"storage": storage})
        yield opened


@pytest.fixture
def alice(stage: Stage) -> Guest:
    return stage.invite("alice")


@pytest.fixture
def logs() -> Iterator[Logs]:
    with capture_logs() as captured:
        yield captured


def find_problems(logs: Logs, event: str) -> list[str]:
    return [str(each["problem"]) for each in logs if each["event"].startswith(event)]


async def wait_for_health(base: str, healthz: int, readyz: int) -> None:
    async with asyncio.timeout(DEADLINE_S), aiohttp.ClientSession() as http:
        while True:
            async with http.get(f"{base}/healthz") as health, http.get(f"{base}/readyz") as ready:
                if (health.status, ready.status) == (healthz, readyz):
                    return
            await asyncio.sleep(0.05)


async def expect_trouble(base: str, alice: Guest) -> None:
    """See that people who ask are told, and nothing is answered."""
    alice.ask("one", "two")
    await alice.wait_for_text(MEMORY)
    await wait_for_health(base, 200, 503)
    assert not {"one", "two"} & set(alice.answered)


async def expect_recovery(base: str, alice: Guest) -> None:
    """See that what was asked meanwhile is answered once and in order."""
    await alice.wait_until(lambda guest: {"one", "two"} <= set(guest.answered))
    assert [name for name in alice.answered if name != "before"] == ["one", "two"]
    await wait_for_health(base, 200, 200)
    assert sum(MEMORY in text for text in alice.texts) <= 2
    await alice.expect_nothing_more()


def expect_advice(logs: Logs, advice: str) -> None:
    """See that the operator was told once, and that there was no unexpected error."""
    (problem,) = find_problems(logs, "the database fails; nothing is lost")
    assert advice in problem
    assert "the database works again" in [each["event"] for each in logs]
    assert not [each for each in logs if each.get("exc_info")]


async def ask_for_sessions(guest: Guest) -> None:
    before = count_lists(guest)
    guest.say("!sessions")
    await guest.wait_until(lambda each: count_lists(each) > before)


def count_lists(guest: Guest) -> int:
    return sum("signed in as you" in text for text in guest.texts)


async def test_a_full_disk(stage: Stage, alice: Guest) -> None:
    bob = stage.invite("robert")
    settings = choose_port(stage.settings)
    config = write_config(stage.folder / "config.toml", settings)
    base = settings.web.public_url
    async with run_program(config) as program:
        await alice.connect()
        link = await bob.ask_for_link()
        with full_disk(program.process):
            await expect_trouble(base, alice)
            assert "takes nothing more" in await program.wait_for_log("the database fails")
            visit = await bob.fill_in(link)
            assert (visit.status, "cannot reach its database" in visit.page) == (503, True)
            await program.wait_for_log("a page could not use the database")
        await expect_recovery(base, alice)
        assert program.process.returncode is None
        await ask_for_sessions(alice)
        visit = await bob.fill_in(link)
        assert visit.status == 200, visit.page
        await bob.wait_for_text("You are connected")


@pytest.mark.parametrize("is_replaced", [False, True], ids=["deleted", "replaced"])
async def test_a_database_whose_files_are_taken_away(
    stage: Stage,
    alice: Guest,
    logs: Logs,
    is_replaced: bool,
) -> None:
    away = stage.folder / "away"
    away.mkdir()
    async with stage.run_bot() as running:
        base = running.bot.public_url
        await alice.connect()
        bob = await stage.meet("bob")
        link = await bob.ask_for_link()
        fields = await bob.person.open_form(link)
        token = await bob.person.make_personal_access_token("bot")
        fields |= {"user_id": bob.person.user_id, "token": token}
        for path in stage.folder.glob("bot.db*"):
            path.rename(away / path.name)
        if is_replaced:
            await migrate_database(stage.settings.storage.url)
        # Noticed before anybody asks.
        await wait_for_health(base, 200, 503)
        await expect_trouble(base, alice)
        visit = await bob.person.visit(link, fields)
        assert (visit.status, "cannot reach its database" in visit.page) == (503, True)
        for path in away.iterdir():
            path.rename(stage.folder / path.name)
        await expect_recovery(base, alice)
        # Nothing was done, and nothing was said.
        assert (await bob.person.visit(link, fields)).status == 200
        assert "verbunden" in await bob.hear()
    (problem,) = find_problems(logs, "the database fails; nothing is lost")
    assert "was deleted or replaced while the bot runs: put the files back" in problem


async def test_a_database_that_another_program_locks(
    stage: Stage, alice: Guest, logs: Logs
) -> None:
    async with stage.run_bot() as running:
        with lock_by_another_program(stage.folder / "bot.db"):
            await expect_trouble(running.bot.public_url, alice)
        await expect_recovery(running.bot.public_url, alice)
    expect_advice(logs, "locked by another program; close that")


async def test_a_database_that_is_locked_at_the_start(stage: Stage, alice: Guest) -> None:
    async with stage.run_bot():
        pass
    with lock_by_another_program(stage.folder / "bot.db"):
        await expect_no_start(stage, StorageError, "locked by another program; close that")
    async with stage.run_bot():
        alice.ask("one")
        await alice.wait_for_answers("one")


async def expect_no_start(stage: Stage, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        async with open_bot(stage.settings):
            pytest.fail("it was opened")


async def test_a_database_that_is_damaged_while_the_bot_runs(
    stage: Stage, alice: Guest, logs: Logs
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


async def test_a_database_that_is_damaged_at_the_start(stage: Stage, alice: Guest) -> None:
    async with stage.run_bot():
        await alice.connect()
    path = stage.folder / "bot.db"
    right = path.read_bytes()
    path.write_bytes(right[:100] + b"\xff" * (len(right) - 100))
    config = write_config(stage.folder / "config.toml", stage.settings)
    status, _, said = await run_to_its_end("run", "--config", str(config))
    assert (status, "Traceback" in said) == (1, False)
    assert re.search(r"^session-bot: The database .* damaged; restore a backup", said, re.MULTILINE)
    path.write_bytes(right)
    async with stage.run_bot():
        await ask_for_sessions(alice)


async def test_a_key_file_that_disappears(stage: Stage, alice: Guest, logs: Logs) -> None:
    async with connected_bot(stage, alice) as running:
        key_file, key = take_away_key(stage)
        # The keys in memory still work; only a new start needs the file.
        await ask_for_sessions(alice)
        await wait_for_health(running.bot.public_url, 200, 200)
    (problem,) = find_problems(logs, "the key file has become useless")
    assert f"{key_file} is gone; restore it" in problem
    await expect_no_start(stage, ConfigError, "is missing; restore it")
    put_key(key_file, key)
    async with stage.run_bot():
        await ask_for_sessions(alice)


async def test_a_wrong_key_loses_no_token(stage: Stage, alice: Guest, logs: Logs) -> None:
    async with connected_bot(stage, alice) as running:
        key_file, key = take_away_key(stage)
        put_key(key_file, base64.urlsafe_b64encode(bytes(32)).decode())
        alice.say("!sessions")
        await alice.wait_for_text("I can't open the token you gave me")
        await wait_for_health(running.bot.public_url, 200, 200)
    (problem,) = find_problems(logs, "a token does not open")
    assert "now missing" in problem
    await expect_no_start(stage, ConfigError, "Nothing was deleted: restore the key")
    put_key(key_file, key)
    async with stage.run_bot():
        await ask_for_sessions(alice)


@asynccontextmanager
async def connected_bot(stage: Stage, guest: Guest) -> AsyncIterator[RunningBot]:
    async with stage.run_bot() as running:
        await guest.connect()
        yield running


def take_away_key(stage: Stage) -> tuple[Path, str]:
    key_file = stage.folder / "bot.key"
    key = key_file.read_text()
    key_file.unlink()
    return key_file, key


def put_key(key_file: Path, key: str) -> None:
    key_file.touch(0o600)
    key_file.write_text(f"{key}\n")
