import asyncio
from dataclasses import replace

import pytest
from pydantic import SecretStr

from bot.errors import UnreachableError
from bot.models import AuthToken, Document
from bot.rocketchat.requests import ReadRequest, SingleFlight, TtlCache
from tests.unit.rocketchat.rate_limit.limited_workspace import now
from tests.unit.rocketchat.rate_limit.virtual_time import run

ANN = AuthToken("ann", SecretStr("real"))
SESSIONS = ReadRequest(ANN, "v1/sessions/list", (("count", "50"),))


class Source:
    """Returns after a second, each time another number."""

    def __init__(self) -> None:
        self.fetches = 0
        self.error: Exception | None = None

    async def fetch(self) -> Document:
        self.fetches += 1
        number = self.fetches
        await asyncio.sleep(1)
        if self.error is not None:
            raise self.error
        return {"number": number}


def test_equal_reads_at_the_same_time_are_fetched_once() -> None:
    async def scenario() -> None:
        source, single_flight = Source(), SingleFlight()
        found = await asyncio.gather(*(single_flight.run(SESSIONS, source.fetch) for _ in range(5)))
        assert (source.fetches, found) == (1, [{"number": 1}] * 5)
        assert await single_flight.run(SESSIONS, source.fetch) == {"number": 2}

    run(scenario())


@pytest.mark.parametrize(
    "other",
    [
        replace(SESSIONS, token=AuthToken("ann", SecretStr("made up"))),
        replace(SESSIONS, token=AuthToken("bob", SecretStr("real"))),
        replace(SESSIONS, token=AuthToken("ann", SecretStr("real"), is_bearer=True)),
        replace(SESSIONS, token=None),
        replace(SESSIONS, route="v1/me"),
        replace(SESSIONS, query=(("count", "51"),)),
    ],
)
def test_another_request_or_another_token_is_fetched_separately(other: ReadRequest) -> None:
    async def scenario() -> None:
        source, single_flight, cache = Source(), SingleFlight(), TtlCache(now)
        await asyncio.gather(
            single_flight.run(SESSIONS, source.fetch), single_flight.run(other, source.fetch)
        )
        assert source.fetches == 2
        await cache.get(SESSIONS, source.fetch)
        await cache.get(other, source.fetch)
        assert source.fetches == 4

    run(scenario())


def test_an_error_is_shared() -> None:
    async def scenario() -> None:
        source, single_flight = Source(), SingleFlight()
        source.error = UnreachableError("no answer")
        fetches = [single_flight.run(SESSIONS, source.fetch) for _ in range(3)]
        found = await asyncio.gather(*fetches, return_exceptions=True)
        assert (source.fetches, found) == (1, [source.error] * 3)

    run(scenario())


def test_another_caller_fetches_if_the_first_is_cancelled() -> None:
    async def scenario() -> None:
        source, single_flight = Source(), SingleFlight()
        tasks = [asyncio.create_task(single_flight.run(SESSIONS, source.fetch)) for _ in range(3)]
        await asyncio.sleep(0.5)
        tasks[0].cancel()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        assert isinstance(found[0], asyncio.CancelledError)
        assert found[1:] == [{"number": 2}] * 2

    run(scenario())


def test_a_cancelled_caller_does_not_disturb_the_others() -> None:
    async def scenario() -> None:
        source, single_flight = Source(), SingleFlight()
        tasks = [asyncio.create_task(single_flight.run(SESSIONS, source.fetch)) for _ in range(3)]
        await asyncio.sleep(0.5)
        tasks[2].cancel()
        found = await asyncio.gather(*tasks[:2])
        assert (source.fetches, found) == (1, [{"number": 1}] * 2)

    run(scenario())


def test_a_result_is_kept_for_three_seconds() -> None:
    async def scenario() -> None:
        source, cache = Source(), TtlCache(now)
        assert await cache.get(SESSIONS, source.fetch) == {"number": 1}
        await asyncio.sleep(2.9)
        assert await cache.get(SESSIONS, source.fetch) == {"number": 1}
        await asyncio.sleep(0.2)
        assert await cache.get(SESSIONS, source.fetch) == {"number": 2}

    run(scenario())


def test_a_fresh_read_is_fetched_and_kept() -> None:
    async def scenario() -> None:
        source, cache = Source(), TtlCache(now)
        await cache.get(SESSIONS, source.fetch)
        assert await cache.get(SESSIONS, source.fetch, is_fresh=True) == {"number": 2}
        assert await cache.get(SESSIONS, source.fetch) == {"number": 2}

    run(scenario())


def test_after_forget_no_older_result_is_returned() -> None:
    async def scenario() -> None:
        source, cache = Source(), TtlCache(now)
        await cache.get(SESSIONS, source.fetch)
        cache.forget("bob")
        assert await cache.get(SESSIONS, source.fetch) == {"number": 1}
        cache.forget("ann")
        on_its_way = asyncio.create_task(cache.get(SESSIONS, source.fetch))
        await asyncio.sleep(0.5)
        cache.forget("ann")
        assert await on_its_way == {"number": 2}
        assert await cache.get(SESSIONS, source.fetch) == {"number": 3}

    run(scenario())


def test_after_forget_no_older_fetch_is_shared() -> None:
    async def scenario() -> None:
        source, single_flight = Source(), SingleFlight()
        before = asyncio.create_task(single_flight.run(SESSIONS, source.fetch))
        await asyncio.sleep(0.5)
        single_flight.forget("bob")
        joined = asyncio.create_task(single_flight.run(SESSIONS, source.fetch))
        await asyncio.sleep(0)
        single_flight.forget("ann")
        after = await single_flight.run(SESSIONS, source.fetch)
        assert (await before, await joined, after) == ({"number": 1}, {"number": 1}, {"number": 2})

    run(scenario())


def test_an_error_is_not_kept() -> None:
    async def scenario() -> None:
        source, cache = Source(), TtlCache(now)
        source.error = UnreachableError("no answer")
        with pytest.raises(UnreachableError):
            await cache.get(SESSIONS, source.fetch)
        source.error = None
        assert await cache.get(SESSIONS, source.fetch) == {"number": 2}

    run(scenario())
