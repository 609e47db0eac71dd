"""One call ends every login of its caller: what dies, what lives on, what stays in the list."""

import asyncio
from datetime import timedelta

import aiohttp
import pytest

from tests.support.deadlines import DEADLINE_S
from tests.support.oauth_provider import open_application
from tests.support.rest_caller import EVERY_VERSION, Clock, World, open_world

ROUTE = "users.logoutOtherClients"
CONNECT = {"msg": "connect", "version": "1", "support": ["1"]}


@pytest.mark.parametrize("version", EVERY_VERSION)
async def test_by_a_personal_access_token_every_login_dies_and_stays_listed(version: str) -> None:
    async with open_world(version) as world:
        secret = world.workspace.make_personal_access_token(world.alice, "bot")
        other = world.workspace.make_personal_access_token(world.alice, "script")
        logins = [world.workspace.make_login_token(world.alice) for _ in range(12)]
        for token in logins:
            world.workspace.open_session(world.alice, token=token)
        foreign = world.workspace.make_login_token(world.bob)
        alice = world.sign_in(world.alice, token=secret)

        answer = await alice.post(ROUTE)
        statuses = [(await world.sign_in(world.alice, token=each).get("me"))[0] for each in logins]
        kept = [await world.sign_in(world.alice, token=other).get("me")]
        kept.append(await world.sign_in(world.bob, token=foreign).get("me"))
        _, listed = await alice.get("sessions/list")

    assert answer == (200, {"token": secret, "tokenExpires": "", "success": True})
    assert set(statuses) == {401}
    assert [status for status, _ in kept] == [200, 200]
    assert listed["total"] == 12


@pytest.mark.parametrize(
    ("version", "lifetime"), [("6.5", timedelta(seconds=90)), ("8.3", timedelta(days=90))]
)
async def test_a_login_token_survives_its_own_call(version: str, lifetime: timedelta) -> None:
    clock = Clock()
    async with open_world(version, now=clock) as world:
        mine, other = (world.workspace.make_login_token(world.alice) for _ in range(2))
        alice = world.sign_in(world.alice, token=mine)
        _, answer = await alice.post(ROUTE)
        statuses = [(await world.sign_in(world.alice, token=t).get("me"))[0] for t in (mine, other)]

    expires = (clock.moment + lifetime).isoformat(timespec="milliseconds")
    assert answer["tokenExpires"] == expires.replace("+00:00", "Z")
    assert statuses == [200, 401]


@pytest.mark.parametrize("version", ["6.5", "8.3", "8.8"])
async def test_an_oauth_token_is_refused_and_lives_on(version: str) -> None:
    async with open_application(version) as application:
        pair = await application.connect()
        bearer = application.bearer(pair["access_token"])
        refused = await bearer.post(ROUTE)
        await application.world.sign_in(application.world.alice).post(ROUTE)
        status, _ = await bearer.get("me")

    text = "x-auth-token is required [error-parameter-required]"
    body = {"success": False, "error": text, "errorType": "error-parameter-required"}
    assert refused == (400, body)
    assert status == 200


@pytest.mark.parametrize("version", EVERY_VERSION)
async def test_websockets_close_and_those_of_access_tokens_stay(version: str) -> None:
    async with open_world(version) as world:
        secret = world.workspace.make_personal_access_token(world.alice, "bot")
        login = world.workspace.make_login_token(world.alice)
        sockets = [await log_in(world, token) for token in (login, secret)]
        await world.sign_in(world.alice, token=secret).post(ROUTE)
        async with asyncio.timeout(DEADLINE_S):
            while not sockets[0].closed:
                await sockets[0].receive()
        await sockets[1].send_json({"msg": "ping", "id": "after"})
        async with asyncio.timeout(DEADLINE_S):
            while (await sockets[1].receive_json()) != {"msg": "pong", "id": "after"}:
                pass
        rows = world.workspace.sessions.rows_of(world.alice)

    assert "closedAt" in rows[0]
    assert "logoutAt" not in rows[0]


async def log_in(world: World, token: str) -> aiohttp.ClientWebSocketResponse:
    socket = await world.http.ws_connect(f"{world.simulator.url}/websocket")
    await socket.send_json(CONNECT)
    login = {"msg": "method", "method": "login", "id": "1", "params": [{"resume": token}]}
    await socket.send_json(login)
    async with asyncio.timeout(DEADLINE_S):
        while (await socket.receive_json()).get("msg") != "result":
            pass
    return socket
