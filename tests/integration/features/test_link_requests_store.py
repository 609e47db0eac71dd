import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from bot.features.accounts.link_requests import LinkRequest, LinkRequests, make_secret
from bot.storage.database import open_database

NOW = datetime(2026, 11, 23, 20, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=10)
REQUEST = LinkRequest("ann-id", "ann", LATER, attempts_left=2)
SECRET, RETRY = make_secret(), make_secret()
USED = replace(REQUEST, attempts_left=1)


@pytest.fixture
async def requests(storage_url: str) -> AsyncIterator[LinkRequests]:
    async with open_database(storage_url) as database:
        yield LinkRequests(database)


def test_a_secret_is_long_random_and_fit_for_a_link() -> None:
    secrets = {make_secret().get_secret_value() for _ in range(50)}
    assert len(secrets) == 50
    assert all(len(secret) == 43 and secret.isascii() for secret in secrets)


async def test_a_request_is_found_by_its_secret_only(requests: LinkRequests) -> None:
    await requests.save(REQUEST, SECRET)
    assert await requests.find(SECRET, NOW) == REQUEST
    assert await requests.find(make_secret(), NOW) is None
    assert await requests.find(SecretStr(""), NOW) is None
    assert await requests.find(SecretStr("ünïcode"), NOW) is None


async def test_a_request_works_until_it_expires(requests: LinkRequests) -> None:
    await requests.save(REQUEST, SECRET)
    assert await requests.find(SECRET, LATER - timedelta(microseconds=1)) == REQUEST
    assert await requests.find(SECRET, LATER) is None
    assert await requests.consume(SECRET, RETRY, LATER) is None


async def test_a_request_is_consumed_once(requests: LinkRequests) -> None:
    await requests.save(REQUEST, SECRET)
    assert await requests.consume(make_secret(), RETRY, NOW) is None
    assert await requests.consume(SECRET, RETRY, NOW) == USED
    assert await requests.consume(SECRET, RETRY, NOW) is None
    assert await requests.find(SECRET, NOW) is None


async def test_the_next_attempt_has_another_secret(requests: LinkRequests) -> None:
    await requests.save(REQUEST, SECRET)
    assert await requests.consume(SECRET, RETRY, NOW) == USED
    assert await requests.find(RETRY, NOW) == USED
    await requests.delete(RETRY)
    assert await requests.find(RETRY, NOW) is None


async def test_a_new_request_ends_the_older_link(requests: LinkRequests) -> None:
    new_secret = make_secret()
    newer = replace(REQUEST, username="anna", attempts_left=5)
    await requests.save(REQUEST, SECRET)
    await requests.save(replace(REQUEST, user_id="bob"), make_secret())
    await requests.save(newer, new_secret)
    assert await requests.find(SECRET, NOW) is None
    assert await requests.find(new_secret, NOW) == newer
    assert await requests.sweep(LATER) == 2


async def test_a_request_without_attempts_is_not_found(requests: LinkRequests) -> None:
    await requests.save(replace(REQUEST, attempts_left=0), SECRET)
    assert await requests.find(SECRET, NOW) is None


async def test_sweeping_deletes_the_expired(requests: LinkRequests) -> None:
    await requests.save(REQUEST, SECRET)
    assert await requests.sweep(NOW) == 0
    assert await requests.find(SECRET, NOW) == REQUEST
    assert await requests.sweep(LATER) == 1


async def test_no_file_ever_holds_the_secret(tmp_path: Path) -> None:
    async with open_database(f"sqlite:///{tmp_path}/bot.db") as database:
        await LinkRequests(database).save(REQUEST, SECRET)
        stored = read_all_files(tmp_path)
    assert SECRET.get_secret_value().encode() not in stored
    assert b"ann-id" in stored


def read_all_files(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())


async def test_of_many_callers_one_consumes_a_request(storage_url: str) -> None:
    async with AsyncExitStack() as stack:
        all_requests = [
            LinkRequests(await stack.enter_async_context(open_database(storage_url)))
            for _ in range(5)
        ]
        await all_requests[0].save(REQUEST, SECRET)
        results = await asyncio.gather(
            *(all_requests[number % 5].consume(SECRET, make_secret(), NOW) for number in range(50))
        )
    assert [result for result in results if result] == [USED]


async def test_a_request_is_bound_to_the_browser_that_left_last(
    requests: LinkRequests,
) -> None:
    first, last = make_secret(), make_secret()
    await requests.save(REQUEST, SECRET)
    assert not await requests.bind(make_secret(), first, NOW)
    assert not await requests.bind(SECRET, first, LATER)
    for browser in (first, last):
        assert await requests.bind(SECRET, browser, NOW)
    request = await requests.consume(SECRET, RETRY, NOW)
    assert request is not None
    assert request.is_bound_to(last)
    assert not request.is_bound_to(first)
    assert not REQUEST.is_bound_to(first)
    assert not await requests.bind(SECRET, last, NOW)
