"""The realtime client against the simulated workspace of each version."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from pydantic import SecretStr

from bot.errors import TokenRejectedError
from bot.models import AuthToken, RoomType
from bot.rocketchat.realtime import RealtimeClient, RealtimeSettings
from rocketchat_simulator import Event, Simulator, User
from rocketchat_simulator.workspace.events import RoomActivity
from tests.support.scripted_workspace import (
    QUICK,
    QUICK_BACKOFF,
    TIMEOUT_S,
    ListeningClient,
    open_client,
    until,
)

pytestmark = pytest.mark.parametrize("version", ["6.5", "8.3", "8.8"])

TOKEN_NAME = "bot"


@asynccontextmanager
async def open_both(
    version: str, settings: RealtimeSettings = QUICK
) -> AsyncIterator[tuple[Simulator, ListeningClient]]:
    async with Simulator(version=version, has_greeting=True) as simulator:
        token = make_bot_token(simulator)
        async with open_client(simulator.url, token=token, settings=settings) as client:
            await until(client.realtime.is_live)
            yield simulator, client


def make_bot_token(simulator: Simulator) -> AuthToken:
    bot = simulator.workspace.add_user("sessions", "Sessions", roles=("user", "bot"))
    simulator.workspace.add_user("ann", "Ann")
    secret = simulator.workspace.make_personal_access_token(bot, TOKEN_NAME)
    return AuthToken(bot.id, SecretStr(secret))


def person(simulator: Simulator, name: str) -> User:
    user = simulator.workspace.find_user_by_name(name)
    assert user is not None
    return user


async def test_only_messages_of_others_in_the_bots_rooms_are_received(
    version: str,
) -> None:
    async with open_both(version) as (simulator, client):
        workspace = simulator.workspace
        ann, bot = person(simulator, "ann"), person(simulator, "sessions")
        other = workspace.make_channel("other", [ann])
        friends = workspace.make_channel("friends", [ann, bot], is_private=True)
        room = workspace.direct_room(ann, bot)
        workspace.say(ann, other, "not for us")
        workspace.say(bot, room, "my own words")
        workspace.say(ann, friends, "@sessions hello")
        workspace.say(ann, room, "hello")
        await client.wait_for_texts("@sessions hello", "hello")
        assert [it.room_type for it in client.messages] == [RoomType.PRIVATE, RoomType.DIRECT]
        assert client.messages[0].mentions == {bot.id: bot.username}


async def test_it_reconnects_after_a_crash_of_the_workspace(version: str) -> None:
    async with open_both(version) as (simulator, client):
        await simulator.realtime.drop_all()
        await until(lambda: not client.realtime.is_live())
        await until(client.realtime.is_live)
        assert simulator.realtime.connections == 1
        ann, bot = person(simulator, "ann"), person(simulator, "sessions")
        simulator.workspace.say(ann, simulator.workspace.direct_room(ann, bot), "once")
        await client.wait_for_texts("once")


async def test_a_connection_that_hangs_is_replaced(version: str) -> None:
    settings = replace(QUICK, ping_after_s=0.1, pong_timeout_s=0.2)
    async with open_both(version, settings=settings) as (simulator, client):
        simulator.realtime.hang()
        await until(lambda: not client.realtime.is_live())
        await until(client.realtime.is_live)


async def test_a_revoked_token_ends_the_run(version: str) -> None:
    async with Simulator(version=version) as simulator:
        realtime = RealtimeClient(
            simulator.url, make_bot_token(simulator), settings=QUICK, backoff=QUICK_BACKOFF
        )
        async with asyncio.TaskGroup() as tasks, asyncio.timeout(TIMEOUT_S):
            running = tasks.create_task(fail_to_run(realtime))
            await until(realtime.is_live)
            bot = person(simulator, "sessions")
            simulator.workspace.remove_personal_access_token(bot, TOKEN_NAME)
            # Before 7.0 the connection ends with its token, later the next one is refused.
            simulator.realtime.close_all(1001)
            await running
        assert not realtime.is_live()


async def fail_to_run(realtime: RealtimeClient) -> None:
    with pytest.raises(TokenRejectedError):
        await realtime.run(on_message=lambda _: None)


async def test_typing_reaches_the_room(version: str) -> None:
    async with open_both(version) as (simulator, client):
        events: list[Event] = []
        simulator.workspace.subscribe(events.append)
        ann, bot = person(simulator, "ann"), person(simulator, "sessions")
        room = simulator.workspace.direct_room(ann, bot)
        await client.realtime.send_typing(room.id, "sessions")
        await client.realtime.send_typing(room.id, "sessions", is_typing=False)
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
