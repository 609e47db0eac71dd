"""Refreshing one person's token: alone, beside another process, and with faults."""

import asyncio
import os
import random
import sqlite3
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import update

from bot.errors import GrantRefusedError, RefusedError, StorageError, UnreachableError
from bot.features.accounts.store import ConnectedAccount, DelegatedToken
from bot.features.accounts.token_refresh import TokenRefresher
from bot.rocketchat.oauth import OAuthClient
from bot.storage.tables import accounts
from rocketchat_simulator import OAuthApp, Simulator, User
from tests.integration.features.refresh_in_process import (
    LEASE,
    REDIRECT,
    BotProcess,
    now,
    open_bot_process,
    use,
)
from tests.support.deadlines import DEADLINE_S

ROUNDS = 60


@dataclass
class Scene:
    """A workspace where alice has delegated a token to the bot."""

    simulator: Simulator
    alice: User
    app: OAuthApp
    database_url: str

    @property
    def client(self) -> OAuthClient:
        return OAuthClient(self.app.client_id, SecretStr(self.app.client_secret), REDIRECT)

    async def connect(self, bot: BotProcess) -> None:
        code = self.simulator.workspace.oauth.make_code(self.alice, self.app, REDIRECT)
        pair = await bot.oauth.exchange(SecretStr(code))
        account = ConnectedAccount(self.alice.id, "alice", "oauth", now())
        await bot.accounts.save_pair(account, pair, now())

    async def age(self, bot: BotProcess) -> None:
        """Let the access token be about to expire."""
        statement = update(accounts).values(expires_at=now())
        await bot.database.write(lambda connection: connection.execute(statement))

    async def load(self, bot: BotProcess) -> DelegatedToken:
        delegated = await bot.accounts.load_token(self.alice.id)
        assert delegated is not None
        return delegated

    async def see_refreshes(self, count: int) -> None:
        """Wait until the workspace was asked for tokens ``count`` times."""
        async with asyncio.timeout(DEADLINE_S):
            while self.count_refreshes() < count:  # noqa: ASYNC110 - the workspace has no event
                await asyncio.sleep(0.01)

    def hold_refresh(self) -> asyncio.Event:
        """Let the answer to the next refresh wait for the event."""
        may_go_on = asyncio.Event()
        self.simulator.faults.hold_answer("/oauth/token", may_go_on)
        return may_go_on

    def count_refreshes(self) -> int:
        return sum(each.path == "/oauth/token" for each in self.simulator.requests)


@pytest.fixture
async def scene(storage_url: str) -> AsyncIterator[Scene]:
    async with Simulator(version="8.3", is_limited=False) as simulator:
        alice = simulator.workspace.add_user("alice")
        app = simulator.workspace.oauth.make_app("bot", REDIRECT)
        yield Scene(simulator, alice, app, storage_url)


@pytest.fixture
async def bot(scene: Scene) -> AsyncIterator[BotProcess]:
    async with open_bot_process(scene.database_url, scene.simulator.url, scene.client) as opened:
        await scene.connect(opened)
        yield opened


@pytest.fixture
async def other(scene: Scene, bot: BotProcess) -> AsyncIterator[BotProcess]:
    assert bot
    async with open_bot_process(scene.database_url, scene.simulator.url, scene.client) as opened:
        yield opened


async def test_many_calls_refresh_once(scene: Scene, bot: BotProcess, other: BotProcess) -> None:
    await scene.age(bot)
    calls = [use(each, scene.alice.id) for each in (bot, other) for _ in range(10)]
    assert await asyncio.gather(*calls) == ["alice"] * 20
    assert scene.count_refreshes() == 2


async def test_a_late_refresh_returns_the_pair_of_the_first(
    scene: Scene, bot: BotProcess, other: BotProcess
) -> None:
    old = await scene.load(bot)
    first = await bot.refresher.refresh(old)
    second = await other.refresher.refresh(old)
    assert first == second
    assert first is not None
    assert first.id != old.id
    assert first.refresh_token != old.refresh_token


async def test_a_call_survives_a_refresh_by_another_process(
    scene: Scene, bot: BotProcess, other: BotProcess
) -> None:
    old = await scene.load(bot)
    await other.refresher.refresh(old)
    # The old access token is dead: the other process has to load the newer one.
    assert await use(bot, scene.alice.id) == "alice"


async def test_a_cancelled_refresh_is_finished_and_stored(scene: Scene, bot: BotProcess) -> None:
    old = await scene.load(bot)
    scene.simulator.faults.delay_answer("/oauth/token", 0.5)
    refreshing = asyncio.create_task(bot.refresher.refresh(old))
    await scene.see_refreshes(2)
    refreshing.cancel()
    with suppress(asyncio.CancelledError):
        await refreshing
    assert (await scene.load(bot)).id != old.id
    assert await use(bot, scene.alice.id) == "alice"


async def test_the_lease_of_a_killed_process_runs_out(scene: Scene, bot: BotProcess) -> None:
    old = await scene.load(bot)
    moment = now()
    killed = moment + LEASE / 4
    assert await bot.accounts.claim_refresh(scene.alice.id, old.id, now=moment, until=killed)
    assert not await bot.accounts.claim_refresh(scene.alice.id, old.id, now=moment, until=killed)
    assert await bot.refresher.refresh(old) is not None


async def test_an_endless_lease_is_not_waited_for_forever(scene: Scene, bot: BotProcess) -> None:
    old = await scene.load(bot)
    endless = now() + LEASE * 100
    await bot.accounts.claim_refresh(scene.alice.id, old.id, now=now(), until=endless)
    with pytest.raises(UnreachableError):
        await bot.refresher.refresh(old)


async def test_an_outage_leaves_the_token_and_releases_the_lease(
    scene: Scene, bot: BotProcess
) -> None:
    old = await scene.load(bot)
    scene.simulator.faults.fail_next("/oauth/token", status=503, body="no backend")
    with pytest.raises(UnreachableError):
        await bot.refresher.refresh(old)
    assert await scene.load(bot) == old
    assert await bot.refresher.refresh(old) is not None


async def test_a_new_pair_is_kept_in_memory_until_it_can_be_stored(
    scene: Scene, tmp_path: Path
) -> None:
    locked = replace(scene, database_url=f"sqlite:///{tmp_path / 'full.db'}?timeout=0.05")
    async with open_bot_process(locked.database_url, scene.simulator.url, scene.client) as bot:
        await locked.connect(bot)
        old = await locked.load(bot)
        may_go_on = scene.hold_refresh()
        refreshing = asyncio.create_task(bot.refresher.refresh(old))
        await scene.see_refreshes(2)
        with closing(sqlite3.connect(tmp_path / "full.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            may_go_on.set()
            with pytest.raises(StorageError):
                await refreshing
        # The old pair is dead: without the new one, alice would have to connect again.
        assert await use(bot, scene.alice.id) == "alice"
        assert (await locked.load(bot)).id != old.id
        assert scene.count_refreshes() == 2


async def test_a_used_up_refresh_token_raises_grant_refused(scene: Scene, bot: BotProcess) -> None:
    old = await scene.load(bot)
    scene.simulator.workspace.oauth.revoke(scene.alice)
    with pytest.raises(GrantRefusedError):
        await bot.refresher.refresh(old)


async def test_a_person_who_disconnects_meanwhile_stays_disconnected(
    scene: Scene, bot: BotProcess
) -> None:
    old = await scene.load(bot)
    may_go_on = scene.hold_refresh()
    refreshing = asyncio.create_task(bot.refresher.refresh(old))
    await scene.see_refreshes(2)
    await bot.accounts.delete(scene.alice.id)
    may_go_on.set()
    assert await refreshing is None
    assert await bot.accounts.load_token(scene.alice.id) is None


async def test_a_person_who_connects_again_meanwhile_keeps_the_new_token(
    scene: Scene, bot: BotProcess
) -> None:
    old = await scene.load(bot)
    may_go_on = scene.hold_refresh()
    refreshing = asyncio.create_task(bot.refresher.refresh(old))
    await scene.see_refreshes(2)
    await bot.accounts.delete(scene.alice.id)
    await scene.connect(bot)
    newest = await scene.load(bot)
    may_go_on.set()
    assert await refreshing == newest


async def test_without_oauth_in_the_settings_nothing_is_lost(scene: Scene, bot: BotProcess) -> None:
    old = await scene.load(bot)
    with pytest.raises(RefusedError, match="is not set"):
        await TokenRefresher(bot.accounts, None, now).refresh(old)
    assert await use(bot, scene.alice.id) == "alice"


@dataclass
class Worker:
    """Another process on the same database; a test may kill it."""

    scene: Scene
    process: Process

    async def use(self) -> str:
        """Let it use the token; return its result, ``killed`` where it returns none."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with suppress(ConnectionError):
            self.process.stdin.write(b"use\n")
            await self.process.stdin.drain()
        return (await self.process.stdout.readline()).decode().strip() or "killed"

    async def kill_after(self, seconds: float) -> str:
        await asyncio.sleep(seconds)
        self.process.kill()
        return ""


@asynccontextmanager
async def start_worker(scene: Scene) -> AsyncIterator[Worker]:
    client = scene.client
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.integration.features.refresh_in_process"),
        *(scene.database_url, scene.simulator.url, client.client_id, scene.alice.id),
        stdin=PIPE,
        stdout=PIPE,
        env=os.environ | {"CLIENT_SECRET": client.client_secret.get_secret_value()},
    )
    try:
        assert process.stdout is not None
        assert await process.stdout.readline() == b"ready\n"
        yield Worker(scene, process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        process._transport.close()  # type: ignore[attr-defined] # noqa: SLF001 - no other way


async def test_two_processes_that_refresh_end_with_a_working_pair_or_with_the_person_told(
    scene: Scene, bot: BotProcess
) -> None:
    dice, told = random.Random(20261123), 0  # noqa: S311 - a test wants to be repeated
    async with AsyncExitStack() as stack:
        workers = [await stack.enter_async_context(start_worker(scene)) for _ in range(2)]
        for _ in range(ROUNDS):
            await scene.age(bot)
            trouble = make_trouble(scene, dice)
            victim = dice.choice(workers) if trouble == "kill" else None
            seconds = dice.uniform(0, 0.06)
            async with asyncio.timeout(DEADLINE_S):
                calls = [each.use() for each in workers]
                killing = [victim.kill_after(seconds)] if victim else []
                outcomes = set(await asyncio.gather(*calls, *killing)) - {""}
            scene.simulator.faults.clear()
            outcomes.add(await use(bot, scene.alice.id))
            assert outcomes <= {"alice", "UnreachableError", "NotConnectedError", "killed"}
            if "NotConnectedError" in outcomes:
                # The person is told by this error; it needs a reason.
                assert trouble in {"kill", "lose"}
                assert await bot.accounts.load_token(scene.alice.id) is None
                told += 1
                await scene.connect(bot)
            assert await use(bot, scene.alice.id) == "alice"
            if victim:
                workers.remove(victim)
                workers.append(await stack.enter_async_context(start_worker(scene)))
    assert told < ROUNDS / 4


def make_trouble(scene: Scene, dice: random.Random) -> str:
    trouble = dice.choices(["none", "delay", "lose", "fail", "kill"], [10, 4, 2, 2, 1])[0]
    faults = scene.simulator.faults
    if trouble in {"delay", "kill"}:
        faults.delay_answer("/oauth/token", dice.uniform(0, 0.1))
    elif trouble == "lose":
        faults.lose_answer("/oauth/token")
    elif trouble == "fail":
        faults.fail_next("/oauth/token", status=503, body="no backend")
    return trouble
