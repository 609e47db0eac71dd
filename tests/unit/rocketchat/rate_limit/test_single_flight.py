import asyncio
from dataclasses import replace

import pytest
from pydantic import SecretStr

from bot.errors import UnreachableError
from bot.models import AuthToken, Document
from bot.rocketchat.requests import Query, SingleFlight, TtlCache
from tests.unit.rocketchat.rate_limit.limited_workspace import now
from tests.unit.rocketchat.rate_limit.virtual_time import run

ANN = AuthToken("ann", SecretStr("real"))
LIST = Query(ANN, "v1/sessions/list", (("count", "50"),))


class Source:
    """Answers after a second, each time with another number."""

    def __init__(self) -> None:
        self.asked = 0
        self.error: Exception | None = None

    async def fetch(self) -> Document:
        self.asked += 1
        number = self.asked
        await asyncio.sleep(1)
        if self.error is not None:
            raise self.error
        return {"number": number}


def test_the_same_question_at_once_is_asked_once() -> None:
    async def story() -> None:
        source, flights = Source(), SingleFlight()
        found = await asyncio.gather(*(flights.join(LIST, source.fetch) for _ in range(5)))
        assert (source.asked, found) == (1, [{"number": 1}] * 5)
        assert await flights.join(LIST, source.fetch) == {"number": 2}

    run(story())


@pytest.mark.parametrize(
    "other",
    [
        replace(LIST, token=AuthToken("ann", SecretStr("made up"))),
        replace(LIST, token=AuthToken("bob", SecretStr("real"))),
        replace(LIST, token=AuthToken("ann", SecretStr("real"), is_bearer=True)),
        replace(LIST, token=None),
        replace(LIST, route="v1/me"),
        replace(LIST, query=(("count", "51"),)),
    ],
)
def test_another_question_or_another_token_is_asked_itself(other: Query) -> None:
    async def story() -> None:
        source, flights, recent = Source(), SingleFlight(), TtlCache(now)
        await asyncio.gather(flights.join(LIST, source.fetch), flights.join(other, source.fetch))
        assert source.asked == 2
        await recent.recall(LIST, source.fetch)
        await recent.recall(other, source.fetch)
        assert source.asked == 4

    run(story())


def test_an_error_is_shared_too() -> None:
    async def story() -> None:
        source, flights = Source(), SingleFlight()
        source.error = UnreachableError("no answer")
        asked = [flights.join(LIST, source.fetch) for _ in range(3)]
        found = await asyncio.gather(*asked, return_exceptions=True)
        assert (source.asked, found) == (1, [source.error] * 3)

    run(story())


def test_another_goes_on_where_the_one_who_asked_is_cancelled() -> None:
    async def story() -> None:
        source, flights = Source(), SingleFlight()
        tasks = [asyncio.create_task(flights.join(LIST, source.fetch)) for _ in range(3)]
        await asyncio.sleep(0.5)
        tasks[0].cancel()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        assert isinstance(found[0], asyncio.CancelledError)
        assert found[1:] == [{"number": 2}] * 2

    run(story())


def test_who_leaves_does_not_disturb_the_others() -> None:
    async def story() -> None:
        source, flights = Source(), SingleFlight()
        tasks = [asyncio.create_task(flights.join(LIST, source.fetch)) for _ in range(3)]
        await asyncio.sleep(0.5)
        tasks[2].cancel()
        found = await asyncio.gather(*tasks[:2])
        assert (source.asked, found) == (1, [{"number": 1}] * 2)

    run(story())


def test_an_answer_is_good_for_three_seconds() -> None:
    async def story() -> None:
        source, recent = Source(), TtlCache(now)
        assert await recent.recall(LIST, source.fetch) == {"number": 1}
        await asyncio.sleep(2.9)
        assert await recent.recall(LIST, source.fetch) == {"number": 1}
        await asyncio.sleep(0.2)
        assert await recent.recall(LIST, source.fetch) == {"number": 2}

    run(story())


def test_who_wants_it_fresh_gets_it_fresh() -> None:
    async def story() -> None:
        source, recent = Source(), TtlCache(now)
        await recent.recall(LIST, source.fetch)
        assert await recent.recall(LIST, source.fetch, is_fresh=True) == {"number": 2}
        assert await recent.recall(LIST, source.fetch) == {"number": 2}

    run(story())


def test_after_a_change_nothing_old_is_given() -> None:
    async def story() -> None:
        source, recent = Source(), TtlCache(now)
        await recent.recall(LIST, source.fetch)
        recent.forget("bob")
        assert await recent.recall(LIST, source.fetch) == {"number": 1}
        recent.forget("ann")
        on_its_way = asyncio.create_task(recent.recall(LIST, source.fetch))
        await asyncio.sleep(0.5)
        recent.forget("ann")
        assert await on_its_way == {"number": 2}
        assert await recent.recall(LIST, source.fetch) == {"number": 3}

    run(story())


def test_after_a_change_nobody_joins_a_question_from_before_it() -> None:
    async def story() -> None:
        source, flights = Source(), SingleFlight()
        before = asyncio.create_task(flights.join(LIST, source.fetch))
        await asyncio.sleep(0.5)
        flights.forget("bob")
        joined = asyncio.create_task(flights.join(LIST, source.fetch))
        await asyncio.sleep(0)
        flights.forget("ann")
        after = await flights.join(LIST, source.fetch)
        assert (await before, await joined, after) == ({"number": 1}, {"number": 1}, {"number": 2})

    run(story())


def test_what_failed_is_not_kept() -> None:
    async def story() -> None:
        source, recent = Source(), TtlCache(now)
        source.error = UnreachableError("no answer")
        with pytest.raises(UnreachableError):
            await recent.recall(LIST, source.fetch)
        source.error = None
        assert await recent.recall(LIST, source.fetch) == {"number": 2}

    run(story())
