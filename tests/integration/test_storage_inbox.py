import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.storage.database import open_database
from bot.storage.inbox import Inbox

NOW = datetime(2026, 11, 23, 20, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)

RACER = """
import asyncio, sys
from datetime import UTC, datetime, timedelta
from bot.storage.database import open_database
from bot.storage.inbox import Inbox

async def main():
    now = datetime(2026, 11, 23, tzinfo=UTC)
    async with open_database(sys.argv[1]) as database:
        inbox = Inbox(database)
        for number in range(100):
            name = f"m{number}"
            if await inbox.claim(name, now=now, by="x", until=now + timedelta(days=1)):
                print(name)

asyncio.run(main())
"""


@pytest.fixture
async def inbox(tmp_path: Path) -> AsyncIterator[Inbox]:
    async with open_database(f"sqlite:///{tmp_path}/bot.db") as database:
        yield Inbox(database)


async def claim(inbox: Inbox, name: str, now: datetime = NOW, by: str = "one") -> bool:
    return await inbox.claim(name, now=now, by=by, until=now + MINUTE)


async def test_a_message_is_claimed_once(inbox: Inbox) -> None:
    assert await claim(inbox, "m1")
    assert not await claim(inbox, "m1")
    assert not await claim(inbox, "m1", by="two")
    assert await claim(inbox, "m2")


async def test_a_claim_whose_time_is_up_is_taken_over(inbox: Inbox) -> None:
    assert await claim(inbox, "m1")
    assert not await claim(inbox, "m1", NOW + MINUTE - timedelta(microseconds=1), by="two")
    assert await claim(inbox, "m1", NOW + MINUTE, by="two")
    assert not await claim(inbox, "m1", NOW + MINUTE, by="three")


async def test_a_finished_message_is_never_claimed_again(inbox: Inbox) -> None:
    assert await claim(inbox, "m1")
    assert not await inbox.is_finished("m1")
    await inbox.finish("m1", NOW)
    assert await inbox.is_finished("m1")
    assert not await claim(inbox, "m1", NOW + timedelta(days=9))
    assert not await inbox.is_finished("unheard of")


async def test_sweeping_forgets_the_old_and_keeps_the_rest(inbox: Inbox) -> None:
    later = NOW + timedelta(hours=1)
    for name, now in (("given up", NOW), ("old", NOW), ("slow", NOW), ("running", later)):
        assert await claim(inbox, name, now)
    await inbox.finish("old", NOW)
    await inbox.finish("slow", later)
    assert await inbox.sweep(later) == 2
    assert not await inbox.is_finished("old")
    assert await inbox.is_finished("slow")
    assert not await claim(inbox, "running", later)
    assert await claim(inbox, "given up", later)


async def test_of_two_hundred_who_claim_from_several_databases_one_wins(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        inboxes = [
            Inbox(await stack.enter_async_context(open_database(f"sqlite:///{tmp_path}/bot.db")))
            for _ in range(5)
        ]
        wins = await asyncio.gather(
            *(claim(inboxes[number % 5], "m1", by=str(number)) for number in range(200))
        )
    assert wins.count(True) == 1


async def test_processes_that_share_a_file_share_the_messages(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/bot.db"
    outputs = await asyncio.gather(*(asyncio.to_thread(race, url) for _ in range(4)))
    won = [name for output in outputs for name in output.split()]
    assert sorted(won) == sorted(f"m{number}" for number in range(100))


def race(url: str) -> str:
    return subprocess.run(  # noqa: S603 - our own interpreter and script
        [sys.executable, "-c", RACER, url], check=True, timeout=40, capture_output=True, text=True
    ).stdout
