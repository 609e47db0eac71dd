"""Listening to a simulated workspace, of each version."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from pydantic import SecretStr

from bot.errors import TokenRejectedError
from bot.models import AuthToken, RoomType
from bot.rocketchat.realtime import Backoff, RealtimeClient
from rocketchat_simulator import Event, Simulator, User
from rocketchat_simulator.workspace.events import RoomActivity
from tests.support.scripted_workspace import PATIENCE, QUICK, Ears, open_ears, until

pytestmark = pytest.mark.parametrize("version", ["6.5", "8.3", "8.8"])

TOKEN_NAME = "bot"


@asynccontextmanager
async def open_both(version: str, timing: Backoff = QUICK) -> AsyncIterator[tuple[Simulator, Ears]]:
    async with Simulator(version=version, has_greeting=True) as simulator:
        token = lend_token(simulator)
        async with open_ears(simulator.url, token=token, timing=timing) as ears:
            await until(lambda: ears.realtime.is_live)
            yield simulator, ears


def lend_token(simulator: Simulator) -> AuthToken:
    bot = simulator.workspace.add_user("sessions", "Sessions", roles=("user", "bot"))
    simulator.workspace.add_user("ann", "Ann")
    secret = simulator.workspace.make_personal_access_token(bot, TOKEN_NAME)
    return AuthToken(bot.id, SecretStr(secret))


def person(simulator: Simulator, name: str) -> User:
    user = simulator.workspace.find_user_by_name(name)
    assert user is not None
    return user


async def test_direct_messages_and_channels_are_heard_but_not_echoes_or_strangers(
    version: str,
) -> None:
    async with open_both(version) as (simulator, ears):
        workspace = simulator.workspace
        ann, bot = person(simulator, "ann"), person(simulator, "sessions")
        strangers = workspace.make_channel("strangers", [ann])
        friends = workspace.make_channel("friends", [ann, bot], is_private=True)
        room = workspace.direct_room(ann, bot)
        workspace.say(ann, strangers, "not for us")
        workspace.say(bot, room, "my own words")
        workspace.say(ann, friends, "@sessions hello")
        workspace.say(ann, room, "hello")
        await ears.has_heard("@sessions hello", "hello")
        assert [it.room_type for it in ears.heard] == [RoomType.PRIVATE, RoomType.DIRECT]
        assert ears.heard[0].mentioned_ids == (bot.id,)


async def test_a_crash_of_the_workspace_is_survived(version: str) -> None:
    async with open_both(version) as (simulator, ears):
        await simulator.realtime.drop_all()
        await until(lambda: not ears.realtime.is_live)
        await until(lambda: ears.realtime.is_live)
        assert simulator.realtime.connections == 1
        ann, bot = person(simulator, "ann"), person(simulator, "sessions")
        simulator.workspace.say(ann, simulator.workspace.direct_room(ann, bot), "once")
        await ears.has_heard("once")


async def test_a_link_that_hangs_is_replaced(version: str) -> None:
    timing = replace(QUICK, silence=0.1, pong=0.2)
    async with open_both(version, timing=timing) as (simulator, ears):
        simulator.realtime.hang()
        await until(lambda: not ears.realtime.is_live)
        await until(lambda: ears.realtime.is_live)


async def test_a_token_that_is_taken_away_ends_the_listening(version: str) -> None:
    async with Simulator(version=version) as simulator:
        realtime = RealtimeClient(simulator.url, lend_token(simulator), timing=QUICK)
        async with asyncio.TaskGroup() as tasks, asyncio.timeout(PATIENCE):
            running = tasks.create_task(fail_to_run(realtime))
            await until(lambda: realtime.is_live)
            bot = person(simulator, "sessions")
            simulator.workspace.remove_personal_access_token(bot, TOKEN_NAME)
            await running
        assert not realtime.is_live


async def fail_to_run(realtime: RealtimeClient) -> None:
    with pytest.raises(TokenRejectedError):
        await realtime.run(hear=lambda _: None)


async def test_typing_reaches_the_room(version: str) -> None:
    async with open_both(version) as (simulator, ears):
        events: list[Event] = []
        simulator.workspace.subscribe(events.append)
        ann, bot = person(simulator, "ann"), person(simulator, "sessions")
        room = simulator.workspace.direct_room(ann, bot)
        await ears.realtime.send_typing(room.id, "sessions")
        await ears.realtime.send_typing(room.id, "sessions", is_typing=False)
        await until(lambda: len([it for it in events if isinstance(it, RoomActivity)]) == 2)
        shown = [it.args[:2] for it in events if isinstance(it, RoomActivity)]
        assert shown == [("sessions", ["user-typing"]), ("sessions", [])]


async def test_the_bot_shows_as_a_session_that_is_closed_when_it_stops(version: str) -> None:
    async with open_both(version) as (simulator, _):
        bot = person(simulator, "sessions")
        [row] = simulator.workspace.sessions.rows_of(bot)
        assert "closedAt" not in row
    [row] = simulator.workspace.sessions.rows_of(bot)
    assert "closedAt" in row
