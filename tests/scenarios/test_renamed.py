"""People and the bot are renamed: messages still reach the right person only."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest

from bot.features.accounts.store import load_accounts
from bot.features.reports.schedule_rules import SPREAD
from bot.rocketchat.account import ACCOUNT_FETCHED_EVERY_S
from bot.scheduler.scheduler import TICK_S
from bot.storage.database import open_database
from rocketchat_simulator import User
from tests.support.deadlines import DEADLINE_S
from tests.support.stage import Stage, on_each_version, open_stage

START = datetime(2027, 1, 15, 8, 0, tzinfo=UTC)
DUE = START + timedelta(hours=1) + SPREAD


@pytest.fixture
async def stage(version: str, tmp_path: Path) -> AsyncIterator[Stage]:
    async with open_stage(tmp_path, version, start=START) as opened:
        yield opened


def list_said_to(stage: Stage, user: User) -> list[str]:
    """Return what the bot has said in all direct messages that this user can read."""
    workspace = stage.simulator.workspace
    return [
        message["msg"]
        for room in workspace.rooms.of(user, "d")
        for message in workspace.messages.of(room)
        if message["u"]["_id"] == stage.people.bot.id
    ]


async def rename(stage: Stage, user: User, username: str) -> None:
    """Rename over REST, as an administrator does."""
    workspace = stage.simulator.workspace
    admin = workspace.find_user_by_name("admin") or workspace.add_user("admin", roles=("admin",))
    token = workspace.make_login_token(admin)
    headers = {"X-User-Id": admin.id, "X-Auth-Token": token}
    body = {"userId": user.id, "data": {"username": username}}
    async with (
        aiohttp.ClientSession(headers=headers) as http,
        http.post(f"{stage.simulator.url}/api/v1/users.update", json=body) as response,
    ):
        assert response.status == 200, await response.text()


@on_each_version
@pytest.mark.parametrize("has_restarted", [True, False])
@pytest.mark.parametrize(
    ("command", "heard"), [("!report daily 09:00", "Your "), ("!alerts on", "New device: ")]
)
async def test_what_is_for_somebody_goes_to_them_under_any_name(
    stage: Stage, command: str, heard: str, *, has_restarted: bool
) -> None:
    alice = await stage.meet_connected("alice")
    await alice.ask(command)
    await rename(stage, stage.people.alice, "alice.b")
    stranger = stage.simulator.workspace.add_user("alice")
    if has_restarted:
        await stage.stop_bots()
        await stage.start_bot()
    stage.sign_in()
    hearing = asyncio.create_task(alice.hear())
    stage.clock.move_to(DUE)
    while not hearing.done():
        # A scheduler that has just started may be between two looks at the clock.
        stage.clock.advance(seconds=TICK_S)
        await asyncio.wait([hearing], timeout=0.2)
    assert (await hearing).startswith(heard)
    assert list_said_to(stage, stranger) == []
    if has_restarted:
        async with open_database(stage.settings.storage.url) as database:
            assert [each.username for each in await load_accounts(database)] == ["alice.b"]


async def test_a_room_of_somebody_else_gets_nothing_and_it_is_tried_again(stage: Stage) -> None:
    alice = await stage.meet_connected("alice")
    await alice.ask("!alerts on")
    workspace, people = stage.simulator.workspace, stage.people
    await stage.stop_bots()
    await stage.start_bot()
    # The server resolves the name to somebody else: as if both were renamed in between.
    has_changed = asyncio.Event()
    stage.simulator.faults.hold_answer("users.info", has_changed)
    stage.sign_in()
    stage.clock.move_to(START + timedelta(minutes=5))
    async with asyncio.timeout(DEADLINE_S):
        while not stage.count_calls("users.info"):
            stage.clock.advance(seconds=TICK_S)
            await asyncio.sleep(0.05)
    workspace.rename(people.alice, "alice.b")
    stranger = workspace.add_user("alice")
    has_changed.set()
    await stage.wait_for_calls("rooms.info", 2)
    async with asyncio.timeout(DEADLINE_S):
        while not stage.count_said("New device"):
            await stage.clock.pass_to(stage.clock.now() + timedelta(minutes=5))
    assert list_said_to(stage, stranger) == []


async def test_a_stored_name_is_the_one_that_the_person_has(stage: Stage) -> None:
    alice = await stage.meet_connected("alice")
    await rename(stage, stage.people.alice, "wonderland")
    await alice.ask("!session last")
    assert "wonderland" in await alice.ask("!privacy")


@on_each_version
async def test_the_bot_obeys_its_own_new_name(stage: Stage) -> None:
    alice = await stage.meet_connected("alice")
    await rename(stage, stage.people.bot, "devices.bot")
    await alice.person.say("GENERAL", "@devices.bot help session")
    assert (await alice.hear()).startswith("Show one of your sessions")


@on_each_version
async def test_the_bots_own_new_name_is_noticed_where_nobody_mentions_it(stage: Stage) -> None:
    alice = await stage.meet_connected("alice")
    await rename(stage, stage.people.bot, "devices.bot")
    before = stage.count_calls("/me")
    await stage.clock.pass_to(START + timedelta(seconds=ACCOUNT_FETCHED_EVERY_S))
    await stage.wait_for_calls("/me", before + 1)
    await alice.person.watch_activity(alice.room_id)
    stage.simulator.faults.delay_answer("sessions/info", 1.0)
    await alice.ask("!session hQ7rXk2Zs9TtYw3Ab")
    await alice.ask("!session hQ7rXk2Zs9TtYw3Ab")
    assert ["devices.bot", ["user-typing"]] in [each[:2] for each in alice.person.activities]
