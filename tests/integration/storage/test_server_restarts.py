import asyncio
import signal
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from bot.errors import StorageError
from bot.storage.database import Database, open_database
from bot.storage.inbox import ClaimStatus, Inbox, InboxEntry
from tests.support.deadlines import DEADLINE_S
from tests.support.postgres import PostgresServer, open_empty_database, open_server
from tests.support.stored import is_finished

NOW = datetime(2026, 11, 23, 20, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with open_server() as running:
        yield running


@pytest.fixture
async def database(server: PostgresServer) -> AsyncIterator[Database]:
    with open_empty_database(server.url) as url:
        async with open_database(url) as opened:
            yield opened


async def claim(inbox: Inbox, name: str, by: str = "me") -> bool:
    entry = InboxEntry(name, "room", "ann", NOW)
    status = await inbox.claim(entry, now=NOW, by=by, until=NOW + timedelta(minutes=1))
    return status is not ClaimStatus.LOST


async def test_a_restart_between_two_jobs_goes_unnoticed(
    server: PostgresServer, database: Database
) -> None:
    inbox = Inbox(database)
    assert await claim(inbox, "m1")
    server.stop()
    server.start()
    assert not await claim(inbox, "m1", by="another")
    assert await claim(inbox, "m2")


async def test_without_its_server_the_database_says_so_and_then_works_again(
    server: PostgresServer, database: Database
) -> None:
    inbox = Inbox(database)
    assert await claim(inbox, "m1")
    server.stop()
    try:
        for _ in range(3):
            with pytest.raises(StorageError, match="no server answers"):
                await claim(inbox, "m2")
    finally:
        server.start()
    assert await claim(inbox, "m2")
    assert not await claim(inbox, "m1", by="another")


class Work:
    """Answers messages until it fails, and remembers which."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox
        self.done: list[str] = []
        self.is_under_way = asyncio.Event()

    async def run(self, worker: int) -> None:
        for number in count():
            name = f"m{worker}-{number}"
            await claim(self._inbox, name)
            await self._inbox.finish_awaiting(name, NOW, name)
            self.done.append(name)
            if len(self.done) >= 200:
                self.is_under_way.set()


async def test_a_crash_of_the_server_loses_nothing_that_has_to_last(
    server: PostgresServer, database: Database
) -> None:
    inbox = Inbox(database)
    work = Work(inbox)
    workers = [asyncio.create_task(work.run(number)) for number in range(8)]
    async with asyncio.timeout(DEADLINE_S):
        await work.is_under_way.wait()
    await asyncio.to_thread(server.stop, signal.SIGQUIT)
    try:
        results = await asyncio.gather(*workers, return_exceptions=True)
    finally:
        server.start()
    assert all(isinstance(result, StorageError) for result in results)
    assert all(await asyncio.gather(*(is_finished(database, name) for name in work.done)))


async def test_closing_does_not_wait_for_a_server_that_is_gone(server: PostgresServer) -> None:
    with open_empty_database(server.url) as url:
        async with open_database(url) as database:
            await claim(Inbox(database), "m1")
            server.stop()
            begun = time.monotonic()
        seconds = time.monotonic() - begun
        server.start()
    assert seconds < 5
