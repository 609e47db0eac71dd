"""The REST client against the simulated workspace's own rate limit."""

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from pydantic import SecretStr

from bot.errors import RateLimitedError
from bot.models import AuthToken, OutgoingMessage
from bot.rocketchat.client import RestClient, open_rest_client
from rocketchat_simulator import User
from tests.support.deadlines import DEADLINE_S
from tests.support.rest_caller import World, open_world
from tests.support.scripted_rest import BOT, Script, ok, open_script, reply_with

WINDOW = 1.2
TOO_MANY = {"success": False, "error": "You must wait 1 seconds before trying again."}


@dataclass
class LimitedClient:
    world: World
    rest: RestClient
    users: list[User]
    tokens: list[AuthToken]

    def statuses(self, route: str) -> list[int]:
        requests = self.world.simulator.requests
        return [request.status for request in requests if request.path == f"/api/v1/{route}"]

    def add_session(self, number: int = 0) -> str:
        user, token = self.users[number], self.tokens[number].secret.get_secret_value()
        return str(self.world.workspace.open_session(user, token=token)["sessionId"])


def make_token(world: World, user: User) -> AuthToken:
    return AuthToken(user.id, SecretStr(world.workspace.make_login_token(user)))


@asynccontextmanager
async def open_limited_client(
    version: str = "8.3", *, people: int = 5, max_queued: int = 200, **settings: object
) -> AsyncIterator[LimitedClient]:
    async with open_world(version, **settings) as world:
        users = [world.workspace.add_user(f"person{number}") for number in range(people)]
        tokens = [make_token(world, user) for user in users]
        bot = make_token(world, world.bot)
        async with open_rest_client(
            world.simulator.url, bot, retry_pause_s=0.01, max_queued=max_queued
        ) as rest:
            yield LimitedClient(world, rest, users, tokens)


@pytest.mark.parametrize("version", ["6.5", "8.3", "8.8"])
async def test_more_calls_than_the_limit_are_all_answered_and_none_refused(version: str) -> None:
    async with open_limited_client(
        version, people=14, limit_calls=5, limit_window=WINDOW
    ) as client:
        async with asyncio.timeout(DEADLINE_S):
            await asyncio.gather(*(client.rest.fetch_sessions(token) for token in client.tokens))

        assert client.statuses("sessions/list") == [200] * 14


@pytest.mark.parametrize(("limit", "window"), [(100, 60.0), (100, 600.0)])
async def test_the_rate_is_known_from_the_answers(limit: int, window: float) -> None:
    async with open_limited_client(limit_calls=limit, limit_window=window) as client:
        assert client.rest.find_list_rate() == 10
        await client.rest.fetch_sessions(client.tokens[0])
        # The server tells in whole seconds what time it is.
        assert client.rest.find_list_rate() == pytest.approx(limit * 60 / window, rel=0.03)


async def test_without_a_limit_the_rate_is_infinite() -> None:
    async with open_limited_client(is_limited=False) as client:
        for token in client.tokens:
            await client.rest.fetch_sessions(token)
        assert client.rest.find_list_rate() == math.inf


async def test_the_bots_own_calls_are_not_slowed() -> None:
    async with open_limited_client(limit_calls=2, limit_window=600.0) as client:
        person = await client.rest.fetch_person(client.tokens[1].user_id)
        await asyncio.gather(*(client.rest.fetch_user(token) for token in client.tokens[:2]))
        async with asyncio.timeout(DEADLINE_S):
            await asyncio.gather(*(client.rest.open_direct_room(person) for _ in range(30)))
            waiting = asyncio.create_task(client.rest.fetch_user(client.tokens[2]))
            direct = await client.rest.open_direct_room(person)
            for number in range(30):
                message = OutgoingMessage(
                    f"m{number}", direct.id, "hi", client.world.workspace.now()
                )
                await client.rest.send_message(message)
        assert not waiting.done()
        assert client.rest.rate_limiter.count_queued(is_background=False) == 1
        waiting.cancel()


async def test_calls_wait_for_the_window_that_another_program_used_up() -> None:
    async with open_limited_client(limit_calls=5, limit_window=WINDOW) as client:
        other = client.world.sign_in(client.world.alice)
        for _ in range(5):
            await other.get("sessions/list")
        async with asyncio.timeout(DEADLINE_S):
            await asyncio.gather(*(client.rest.fetch_sessions(token) for token in client.tokens))

        assert client.statuses("sessions/list").count(200) == 10


async def test_two_clients_of_one_address_share_the_limit() -> None:
    async with (
        open_limited_client(people=8, limit_calls=5, limit_window=WINDOW) as client,
        open_rest_client(client.world.simulator.url, BOT, retry_pause_s=0.01) as other_client,
        asyncio.timeout(2 * DEADLINE_S),
    ):
        own = [client.rest.fetch_user(token) for token in client.tokens]
        others = [other_client.fetch_user(token) for token in client.tokens]
        found = await asyncio.gather(*own, *others)

    assert [user.id for user in found] == [user.id for user in client.users] * 2


async def test_equal_reads_at_the_same_time_are_one_call() -> None:
    async with open_limited_client() as client:
        pages = await asyncio.gather(
            *(client.rest.fetch_sessions(client.tokens[0]) for _ in range(9))
        )
        await client.rest.fetch_sessions(client.tokens[0])

        assert len(client.statuses("sessions/list")) == 1
        assert len({page.total for page in pages}) == 1


async def test_a_made_up_token_never_gets_the_response_to_a_real_one() -> None:
    async with open_limited_client() as client:
        real = client.tokens[0]
        made_up = AuthToken(real.user_id, SecretStr("x" * 43))
        found = await asyncio.gather(
            *(client.rest.fetch_user(token) for token in (real, made_up, real)),
            return_exceptions=True,
        )

    assert [type(each).__name__ for each in found] == ["User", "TokenRejectedError", "User"]


async def test_a_logout_is_seen_at_once() -> None:
    async with open_limited_client() as client:
        session_id = client.add_session()
        other = make_token(client.world, client.users[0])
        assert (await client.rest.fetch_sessions(other)).total == 1
        assert (await client.rest.fetch_session(other, session_id)).logged_out_at is None
        await client.rest.log_out_session(other, session_id)

        assert (await client.rest.fetch_sessions(other)).total == 0
        assert (await client.rest.fetch_session(other, session_id)).logged_out_at is not None


async def test_a_fresh_read_is_not_answered_from_the_cache() -> None:
    async with open_limited_client() as client:
        await client.rest.fetch_sessions(client.tokens[0])
        client.add_session()

        assert (await client.rest.fetch_sessions(client.tokens[0])).total == 0
        assert (await client.rest.fetch_sessions(client.tokens[0], is_fresh=True)).total == 1
        assert (await client.rest.fetch_sessions(client.tokens[0])).total == 1


async def test_peoples_calls_are_sent_before_background_calls() -> None:
    async with open_limited_client(limit_calls=1, limit_window=WINDOW) as client:
        await client.rest.fetch_user(client.tokens[0])
        order: list[str] = []

        async def fetch(rest: RestClient, number: int, name: str) -> None:
            await rest.fetch_user(client.tokens[number])
            order.append(name)

        async with asyncio.timeout(DEADLINE_S), asyncio.TaskGroup() as tasks:
            tasks.create_task(fetch(client.rest.in_background(), 1, "report"))
            await asyncio.sleep(0)
            tasks.create_task(fetch(client.rest, 2, "person"))

    assert order == ["person", "report"]


async def test_the_wait_of_a_queued_call_is_estimated() -> None:
    async with open_limited_client(limit_calls=2, limit_window=30.0) as client:
        await asyncio.gather(*(client.rest.fetch_user(token) for token in client.tokens[:2]))
        waiting = [
            asyncio.create_task(client.rest.fetch_user(token)) for token in client.tokens[2:]
        ]
        await asyncio.sleep(0)
        waits = [client.rest.rate_limiter.expected_wait(user.id) for user in client.users]
        for task in waiting:
            task.cancel()
        await asyncio.wait(waiting)
        left = client.rest.rate_limiter.count_queued(is_background=False)

    assert waits[:2] == [None, None]
    assert all(wait is not None and 20 < wait < 32 for wait in waits[2:4])
    assert waits[4] is not None
    assert 50 < waits[4] < 64
    assert left == 0


async def test_calls_beyond_the_queue_limit_are_refused_at_once() -> None:
    async with open_limited_client(max_queued=2, limit_calls=1, limit_window=30.0) as client:
        await client.rest.fetch_user(client.tokens[0])
        waiting = [
            asyncio.create_task(client.rest.fetch_user(token)) for token in client.tokens[1:3]
        ]
        await asyncio.sleep(0)
        async with asyncio.timeout(DEADLINE_S):
            with pytest.raises(RateLimitedError) as caught:
                await client.rest.fetch_user(client.tokens[3])
        for task in waiting:
            task.cancel()

    assert 80 < caught.value.retry_after < 94


async def test_a_send_that_was_refused_with_429_is_sent_again_and_once() -> None:
    async with (
        open_script() as script,
        open_rest_client(script.url, BOT, retry_pause_s=0.01) as rest,
    ):
        script.on("/api/v1/sessions/logout.me", reply_with(429, TOO_MANY), ok(sessionId="s1"))
        async with asyncio.timeout(DEADLINE_S):
            await rest.log_out_session(AuthToken("annid", SecretStr("ann")), "s1")

        assert script.count("/api/v1/sessions/logout.me") == 2


async def check_wait(script: Script, rest: RestClient) -> None:
    script.on("/api/v1/me", reply_with(429, TOO_MANY), ok(_id="annid", username="ann"))
    async with asyncio.timeout(DEADLINE_S):
        assert (await rest.fetch_user(AuthToken("annid", SecretStr("ann")))).username == "ann"


async def test_a_call_refused_without_headers_waits_as_the_text_says() -> None:
    async with (
        open_script() as script,
        open_rest_client(script.url, BOT, retry_pause_s=0.01) as rest,
    ):
        await check_wait(script, rest)
        assert script.count("/api/v1/me") == 2
