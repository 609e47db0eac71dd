"""Renewing one person's token: alone, together with another process, and when things break."""

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
from bot.features.accounts.delegated_tokens import DelegatedToken
from bot.features.accounts.store import ConnectedAccount
from bot.features.accounts.token_refresh import TokenRefresher
from bot.rocketchat.oauth import OAuthClient
from bot.storage.tables import accounts
from rocketchat_simulator import OAuthApp, Simulator, User
from tests.integration.features.refresh_in_process import (
    REDIRECT,
    TURN,
    World,
    now,
    open_world,
    use,
)

ROUNDS = 200


@dataclass
class Scene:
    """A workspace where alice has let the bot in."""

    simulator: Simulator
    alice: User
    app: OAuthApp
    database_url: str

    @property
    def client(self) -> OAuthClient:
        return OAuthClient(self.app.client_id, SecretStr(self.app.client_secret), REDIRECT)

    async def connect(self, world: World) -> None:
        code = self.simulator.workspace.oauth.make_code(self.alice, self.app, REDIRECT)
        pair = await world.oauth.exchange(SecretStr(code))
        account = ConnectedAccount(self.alice.id, "alice", "oauth", now())
        await world.accounts.save_pair(account, pair, now())

    async def age(self, world: World) -> None:
        """Let the access token be about to expire."""
        statement = update(accounts).values(expires_at=now())
        await world.database.write(lambda connection: connection.execute(statement))

    async def load(self, world: World) -> DelegatedToken:
        lent = await world.lent.load(self.alice.id)
        assert lent is not None
        return lent

    async def see_refreshes(self, count: int) -> None:
        """Wait until the workspace has been asked for tokens so many times."""
        async with asyncio.timeout(10):
            while self.count_refreshes() < count:  # noqa: ASYNC110 - the workspace has no event
                await asyncio.sleep(0.01)

    def count_refreshes(self) -> int:
        return sum(each.path == "/oauth/token" for each in self.simulator.requests)


@pytest.fixture
async def scene(storage_url: str) -> AsyncIterator[Scene]:
    async with Simulator(version="8.3", is_limited=False) as simulator:
        alice = simulator.workspace.add_user("alice")
        app = simulator.workspace.oauth.make_app("bot", REDIRECT)
        yield Scene(simulator, alice, app, storage_url)


@pytest.fixture
async def world(scene: Scene) -> AsyncIterator[World]:
    async with open_world(scene.database_url, scene.simulator.url, scene.client) as opened:
        await scene.connect(opened)
        yield opened


@pytest.fixture
async def other(scene: Scene, world: World) -> AsyncIterator[World]:
    assert world
    async with open_world(scene.database_url, scene.simulator.url, scene.client) as opened:
        yield opened


async def test_many_who_need_it_renew_once(scene: Scene, world: World, other: World) -> None:
    await scene.age(world)
    calls = [use(each, scene.alice.id) for each in (world, other) for _ in range(10)]
    assert await asyncio.gather(*calls) == ["alice"] * 20
    assert scene.count_refreshes() == 2


async def test_whoever_comes_late_gets_what_the_other_has_got(
    scene: Scene, world: World, other: World
) -> None:
    old = await scene.load(world)
    first = await world.renewals.renew(old)
    second = await other.renewals.renew(old)
    assert first == second
    assert first is not None
    assert first.id != old.id
    assert first.refresh_token != old.refresh_token


async def test_the_call_of_one_survives_that_the_other_renews_meanwhile(
    scene: Scene, world: World, other: World
) -> None:
    old = await scene.load(world)
    await other.renewals.renew(old)
    # The old access token is dead now; who still holds it looks for the newer one.
    assert await use(world, scene.alice.id) == "alice"


async def test_a_cancelled_renewal_is_finished_and_kept(scene: Scene, world: World) -> None:
    old = await scene.load(world)
    scene.simulator.faults.delay_answer("/oauth/token", 0.5)
    renewing = asyncio.create_task(world.renewals.renew(old))
    await scene.see_refreshes(2)
    renewing.cancel()
    with suppress(asyncio.CancelledError):
        await renewing
    assert (await scene.load(world)).id != old.id
    assert await use(world, scene.alice.id) == "alice"


async def test_who_waits_for_one_that_was_killed_gets_the_next_turn(
    scene: Scene, world: World
) -> None:
    old = await scene.load(world)
    moment = now()
    killed = moment + TURN / 4
    assert await world.lent.claim_refresh(scene.alice.id, old.id, now=moment, until=killed)
    assert not await world.lent.claim_refresh(scene.alice.id, old.id, now=now(), until=killed)
    assert await world.renewals.renew(old) is not None


async def test_a_turn_that_does_not_end_is_not_waited_for_for_ever(
    scene: Scene, world: World
) -> None:
    old = await scene.load(world)
    endless = now() + TURN * 100
    await world.lent.claim_refresh(scene.alice.id, old.id, now=now(), until=endless)
    with pytest.raises(UnreachableError):
        await world.renewals.renew(old)


async def test_an_outage_leaves_the_token_and_the_turn_free(scene: Scene, world: World) -> None:
    old = await scene.load(world)
    scene.simulator.faults.fail_next("/oauth/token", status=503, body="no backend")
    with pytest.raises(UnreachableError):
        await world.renewals.renew(old)
    assert await scene.load(world) == old
    assert await world.renewals.renew(old) is not None


async def test_a_new_pair_that_the_disk_does_not_take_is_kept_until_it_does(
    scene: Scene, tmp_path: Path
) -> None:
    impatient = replace(scene, database_url=f"sqlite:///{tmp_path / 'full.db'}?timeout=0.05")
    async with open_world(impatient.database_url, scene.simulator.url, scene.client) as world:
        await impatient.connect(world)
        old = await impatient.load(world)
        scene.simulator.faults.delay_answer("/oauth/token", 0.7)
        renewing = asyncio.create_task(world.renewals.renew(old))
        await scene.see_refreshes(2)
        with closing(sqlite3.connect(tmp_path / "full.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StorageError):
                await renewing
        # The old pair is dead: without the new one the person would have to connect again.
        assert await use(world, scene.alice.id) == "alice"
        assert (await impatient.load(world)).id != old.id
        assert scene.count_refreshes() == 2


async def test_a_used_up_refresh_token_is_told_apart(scene: Scene, world: World) -> None:
    old = await scene.load(world)
    scene.simulator.workspace.oauth.revoke(scene.alice)
    with pytest.raises(GrantRefusedError):
        await world.renewals.renew(old)


async def test_who_disconnected_meanwhile_stays_disconnected(scene: Scene, world: World) -> None:
    old = await scene.load(world)
    scene.simulator.faults.delay_answer("/oauth/token", 0.3)
    renewing = asyncio.create_task(world.renewals.renew(old))
    await scene.see_refreshes(2)
    await world.accounts.delete(scene.alice.id)
    assert await renewing is None
    assert await world.lent.load(scene.alice.id) is None


async def test_who_connected_anew_meanwhile_keeps_the_new_token(scene: Scene, world: World) -> None:
    old = await scene.load(world)
    scene.simulator.faults.delay_answer("/oauth/token", 0.3)
    renewing = asyncio.create_task(world.renewals.renew(old))
    await scene.see_refreshes(2)
    await world.accounts.delete(scene.alice.id)
    await scene.connect(world)
    newest = await scene.load(world)
    assert await renewing == newest


async def test_without_oauth_in_the_settings_nothing_is_lost(scene: Scene, world: World) -> None:
    old = await scene.load(world)
    with pytest.raises(RefusedError, match="is not set"):
        await TokenRefresher(world.lent, None, now).renew(old)
    assert await use(world, scene.alice.id) == "alice"


@dataclass
class Worker:
    """Another process on the same database, which may be killed."""

    scene: Scene
    process: Process

    async def use(self) -> str:
        """Have it use the token; return its word for how that went, ``killed`` without one."""
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


async def test_two_processes_and_200_renewals_end_with_a_working_pair_or_with_the_person_told(
    scene: Scene, world: World
) -> None:
    dice, told = random.Random(20261123), 0  # noqa: S311 - a test wants to be repeated
    async with AsyncExitStack() as stack:
        workers = [await stack.enter_async_context(start_worker(scene)) for _ in range(2)]
        for _ in range(ROUNDS):
            await scene.age(world)
            trouble = make_trouble(scene, dice)
            victim = dice.choice(workers) if trouble == "kill" else None
            seconds = dice.uniform(0, 0.06)
            async with asyncio.timeout(30):
                calls = [each.use() for each in workers]
                killing = [victim.kill_after(seconds)] if victim else []
                outcomes = set(await asyncio.gather(*calls, *killing)) - {""}
            scene.simulator.faults.clear()
            outcomes.add(await use(world, scene.alice.id))
            assert outcomes <= {"alice", "UnreachableError", "NotConnectedError", "killed"}
            if "NotConnectedError" in outcomes:
                # Told, because that error is what the person is answered with; never for nothing.
                assert trouble in {"kill", "lose"}
                assert await world.lent.load(scene.alice.id) is None
                told += 1
                await scene.connect(world)
            assert await use(world, scene.alice.id) == "alice"
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
