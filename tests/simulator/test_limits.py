"""The rate limit of the simulated workspace's REST API."""

from rocketchat_simulator.workspace.documents import to_milliseconds
from tests.support.rest_caller import Caller, Clock, open_world


async def call_until_limited(caller: Caller, most: int = 20) -> int:
    for done in range(most):
        status, _ = await caller.get("sessions/list")
        if status == 429:
            return done
    return most


async def test_ten_calls_a_minute_for_a_route_and_all_callers() -> None:
    async with open_world() as world:
        done = await call_until_limited(world.sign_in(world.alice))
        status, body = await world.sign_in(world.bob).get("sessions/list")
        other, _ = await world.sign_in(world.bob).get("me")

    assert (done, status, other) == (10, 429, 200)
    assert set(body) == {"success", "error"}
    assert body["error"].endswith("trying this endpoint again. [error-too-many-requests]")


async def test_who_may_bypass_the_limit_is_not_counted() -> None:
    async with open_world() as world:
        assert await call_until_limited(world.sign_in(world.bot)) == 20


async def test_the_window_starts_with_its_first_call_and_then_ends() -> None:
    clock = Clock()
    async with open_world(now=clock, limit_calls=2, limit_window=30.0) as world:
        alice = world.sign_in(world.alice)
        await call_until_limited(alice)
        clock.move(seconds=18)
        status, body = await alice.get("sessions/list")
        clock.move(seconds=12)
        later, _ = await alice.get("sessions/list")

    assert (status, later) == (429, 200)
    assert "You must wait 12 seconds" in body["error"]


async def test_another_address_has_its_own_count_in_the_same_window() -> None:
    async with open_world() as world:
        alice = world.sign_in(world.alice)
        await call_until_limited(alice)
        proxied = {"X-Forwarded-For": "198.51.100.7"}
        status, _ = await alice.call("GET", "/api/v1/sessions/list", headers=proxied)

    assert status == 200


async def test_headers_tell_what_is_left_and_when_it_resets() -> None:
    clock = Clock()
    async with open_world("6.5", now=clock) as world:
        alice = world.sign_in(world.alice)
        url = f"{alice.url}/api/v1/me"
        async with alice.http.get(url, headers=alice.headers) as response:
            limits = {
                name: value
                for name, value in response.headers.items()
                if name.startswith("X-RateLimit")
            }

    assert limits == {
        "X-RateLimit-Limit": "10",
        "X-RateLimit-Remaining": "9",
        "X-RateLimit-Reset": str(to_milliseconds(clock()) + 60_000),
    }


async def test_8_8_allows_five_messages_a_second() -> None:
    clock = Clock()
    async with open_world("8.8", now=clock) as world:
        alice = world.sign_in(world.alice)
        room = world.workspace.direct_room(world.alice, world.bot)
        message = {"rid": room.id, "msg": "x"}
        statuses = [(await alice.post("chat.sendMessage", message=message))[0] for _ in range(6)]
        clock.move(seconds=1)
        status, _ = await alice.post("chat.sendMessage", message=message)

    assert statuses == [200, 200, 200, 200, 200, 429]
    assert status == 200


async def test_a_simulator_without_limits_lets_everything_through() -> None:
    async with open_world(is_limited=False) as world:
        assert await call_until_limited(world.sign_in(world.alice)) == 20
