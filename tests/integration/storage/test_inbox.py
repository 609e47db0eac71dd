import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta

import pytest

from bot.rocketchat.wire import parse_message
from bot.storage.database import open_database
from bot.storage.inbox import Inbox, InboxEntry, make_inbox_entry

NOW = datetime(2026, 11, 23, 20, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)

RACER = """
import asyncio, sys
from datetime import UTC, datetime, timedelta
from bot.storage.database import open_database
from bot.storage.inbox import Inbox, InboxEntry

async def main():
    now = datetime(2026, 11, 23, tzinfo=UTC)
    async with open_database(sys.argv[1]) as database:
        inbox = Inbox(database)
        for number in range(100):
            letter = InboxEntry(f"m{number}", "room", "ann", now)
            if await inbox.claim(letter, now=now, by=sys.argv[2], until=now + timedelta(days=1)):
                print(letter.message_id)

asyncio.run(main())
"""


@pytest.fixture
async def inbox(storage_url: str) -> AsyncIterator[Inbox]:
    async with open_database(storage_url) as database:
        yield Inbox(database)


async def claim(inbox: Inbox, name: str, now: datetime = NOW, by: str = "one") -> bool:
    letter = InboxEntry(name, "room", "ann", now)
    return await inbox.claim(letter, now=now, by=by, until=now + MINUTE)


async def test_a_message_is_claimed_once(inbox: Inbox) -> None:
    assert await claim(inbox, "m1")
    assert not await claim(inbox, "m1", by="two")
    assert not await claim(inbox, "m1", by="three")
    assert await claim(inbox, "m2", by="two")


async def test_an_id_with_nul_in_it_is_kept_as_well_as_any(inbox: Inbox) -> None:
    said = {"_id": "m\0", "rid": "room\0", "u": {"_id": "ann\0"}, "ts": {"$date": 1}, "msg": "\0"}
    letter = make_inbox_entry(parse_message(said))
    assert await inbox.claim(letter, now=NOW, by="one", until=NOW + MINUTE)
    assert await inbox.take_over(now=NOW + MINUTE, by="two", until=NOW, most=9) == (letter,)


async def test_whoever_does_not_know_how_a_claim_ended_may_repeat_it(inbox: Inbox) -> None:
    assert await claim(inbox, "m1")
    assert await claim(inbox, "m1")
    await inbox.finish("m1", NOW)
    assert not await claim(inbox, "m1")


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


async def test_sweeping_forgets_the_old_that_is_answered(inbox: Inbox) -> None:
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


async def test_groups_that_claim_in_opposite_order_do_not_wait_for_each_other(
    storage_url: str,
) -> None:
    names = [f"m{number}" for number in range(200)]
    async with open_database(storage_url) as one, open_database(storage_url) as other:
        async with asyncio.timeout(20):
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
        timeout=40,
        capture_output=True,
        text=True,
    ).stdout
