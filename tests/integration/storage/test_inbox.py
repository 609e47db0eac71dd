import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta

import pytest

from bot.rocketchat.wire import parse_message
from bot.storage.database import Database, open_database
from bot.storage.inbox import ClaimStatus, Inbox, InboxEntry, make_inbox_entry
from tests.support.deadlines import DEADLINE_S
from tests.support.stored import is_finished

NOW = datetime(2026, 11, 23, 20, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)

RACER = """
import asyncio, sys
from datetime import UTC, datetime, timedelta
from bot.storage.database import open_database
from bot.storage.inbox import ClaimStatus, Inbox, InboxEntry

async def main():
    now = datetime(2026, 11, 23, tzinfo=UTC)
    async with open_database(sys.argv[1]) as database:
        inbox = Inbox(database)
        for number in range(100):
            entry = InboxEntry(f"m{number}", "room", "ann", now)
            until = now + timedelta(days=1)
            status = await inbox.claim(entry, now=now, by=sys.argv[2], until=until)
            if status is not ClaimStatus.LOST:
                print(entry.message_id)

asyncio.run(main())
"""


@pytest.fixture
async def database(storage_url: str) -> AsyncIterator[Database]:
    async with open_database(storage_url) as opened:
        yield opened


@pytest.fixture
def inbox(database: Database) -> Inbox:
    return Inbox(database)


async def claim(inbox: Inbox, name: str, now: datetime = NOW, by: str = "one") -> bool:
    entry = InboxEntry(name, "room", "ann", now)
    return await inbox.claim(entry, now=now, by=by, until=now + MINUTE) is not ClaimStatus.LOST


async def test_a_message_is_claimed_once(inbox: Inbox) -> None:
    assert await claim(inbox, "m1")
    assert not await claim(inbox, "m1", by="two")
    assert not await claim(inbox, "m1", by="three")
    assert await claim(inbox, "m2", by="two")


async def test_an_id_with_nul_in_it_is_kept_like_any_other(inbox: Inbox) -> None:
    said = {"_id": "m\0", "rid": "room\0", "u": {"_id": "ann\0"}, "ts": {"$date": 1}, "msg": "\0"}
    entry = make_inbox_entry(parse_message(said))
    status = await inbox.claim(entry, now=NOW, by="one", until=NOW + MINUTE)
    assert status is ClaimStatus.FREE
    assert await inbox.take_over(now=NOW + MINUTE, by="two", until=NOW, limit=9) == (entry,)


async def test_a_claim_may_be_repeated_by_the_worker_that_made_it(inbox: Inbox) -> None:
    assert await claim(inbox, "m1")
    assert await claim(inbox, "m1")
    await inbox.finish("m1", NOW)
    assert not await claim(inbox, "m1")


async def test_a_claim_whose_time_is_up_is_taken_over(inbox: Inbox) -> None:
    assert await claim(inbox, "m1")
    assert not await claim(inbox, "m1", NOW + MINUTE - timedelta(microseconds=1), by="two")
    assert await claim(inbox, "m1", NOW + MINUTE, by="two")
    assert not await claim(inbox, "m1", NOW + MINUTE, by="three")


async def test_a_finished_message_is_never_claimed_again(inbox: Inbox, database: Database) -> None:
    assert await claim(inbox, "m1")
    assert not await is_finished(database, "m1")
    await inbox.finish("m1", NOW)
    assert await is_finished(database, "m1")
    assert not await claim(inbox, "m1", NOW + timedelta(days=9))
    assert not await is_finished(database, "unknown")


async def test_sweeping_deletes_old_messages_that_are_answered(inbox: Inbox) -> None:
    later = NOW + timedelta(hours=1)
    for name, now in (("unanswered", NOW), ("old", NOW), ("slow", NOW), ("new", later)):
        assert await claim(inbox, name, now)
    await inbox.finish("old", NOW)
    await inbox.finish("slow", later)
    await inbox.finish("new", later)
    assert await inbox.sweep(sent_before=later, finished_before=later) == 1
    assert await inbox.find_known(["unanswered", "old", "slow", "new"]) == {
        "unanswered",
        "slow",
        "new",
    }


async def test_of_two_hundred_who_claim_from_several_databases_one_wins(storage_url: str) -> None:
    async with AsyncExitStack() as stack:
        inboxes = [
            Inbox(await stack.enter_async_context(open_database(storage_url))) for _ in range(5)
        ]
        wins = await asyncio.gather(
            *(claim(inboxes[number % 5], "m1", by=str(number)) for number in range(200))
        )
    assert wins.count(True) == 1


async def test_groups_that_claim_in_opposite_order_do_not_deadlock(
    storage_url: str,
) -> None:
    names = [f"m{number}" for number in range(200)]
    async with open_database(storage_url) as one, open_database(storage_url) as other:
        async with asyncio.timeout(DEADLINE_S):
            wins = await asyncio.gather(
                *(claim(Inbox(one), name, by="one") for name in names),
                *(claim(Inbox(other), name, by="other") for name in reversed(names)),
            )
    assert wins.count(True) == 200
    assert all(first != second for first, second in zip(wins, reversed(wins), strict=True))


async def test_processes_that_share_a_database_share_the_messages(storage_url: str) -> None:
    outputs = await asyncio.gather(*(asyncio.to_thread(race, storage_url, name) for name in "abcd"))
    won = [name for output in outputs for name in output.split()]
    assert sorted(won) == sorted(f"m{number}" for number in range(100))


def race(url: str, name: str) -> str:
    return subprocess.run(  # noqa: S603 - our own interpreter and script
        [sys.executable, "-c", RACER, url, name],
        check=True,
        timeout=2 * DEADLINE_S,
        capture_output=True,
        text=True,
    ).stdout
