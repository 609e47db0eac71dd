"""The order of messages, take-overs, and messages that wait until their sender connects."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert

from bot.storage.checkpoints import Checkpoint, Checkpoints
from bot.storage.database import Database, open_database
from bot.storage.inbox import (
    ANSWER_AFTER_CONNECTING,
    MAX_CLAIMED_PER_PERSON,
    MAX_CLAIMED_PER_ROOM,
    ClaimStatus,
    Inbox,
    InboxEntry,
)
from bot.storage.tables import accounts

NOW = datetime(2026, 11, 23, 20, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
async def database(storage_url: str) -> AsyncIterator[Database]:
    async with open_database(storage_url) as opened:
        yield opened


def write(name: str, minute: int = 0, sender: str = "ann") -> InboxEntry:
    return InboxEntry(name, f"room of {sender}", sender, NOW + minute * MINUTE)


async def claim(inbox: Inbox, entry: InboxEntry, by: str) -> bool:
    status = await inbox.claim(entry, now=NOW, by=by, until=NOW + MINUTE)
    return status is not ClaimStatus.LOST


async def test_a_users_later_message_waits_for_one_that_another_worker_has(
    database: Database,
) -> None:
    inbox = Inbox(database)
    first, second, other = write("m1"), write("m2", 1), write("m3", 2, "bob")
    assert await claim(inbox, first, "one")
    assert await claim(inbox, second, "two")
    assert await claim(inbox, other, "two")
    assert await inbox.load_status(second, "two") is ClaimStatus.HELD_UP
    assert await inbox.load_status(other, "two") is ClaimStatus.FREE
    assert await inbox.load_status(first, "one") is ClaimStatus.FREE
    await inbox.finish("m1", NOW)
    assert await inbox.load_status(second, "two") is ClaimStatus.FREE
    assert await inbox.load_status(first, "one") is ClaimStatus.LOST


async def test_a_claim_returns_its_status(database: Database) -> None:
    inbox, until = Inbox(database), NOW + MINUTE
    first, second = write("m1"), write("m2", 1)
    assert await inbox.claim(first, now=NOW, by="one", until=until) is ClaimStatus.FREE
    assert await inbox.claim(second, now=NOW, by="one", until=until) is ClaimStatus.HELD_UP
    assert await inbox.claim(second, now=NOW, by="two", until=until) is ClaimStatus.LOST
    other = write("m3", 2)
    assert await inbox.claim(other, now=NOW, by="two", until=until) is ClaimStatus.HELD_UP
    for entry in (first, second):
        await inbox.finish(entry.message_id, NOW)
    assert await inbox.claim(other, now=NOW, by="two", until=until) is ClaimStatus.FREE


async def test_a_users_later_message_waits_for_one_that_its_own_worker_took_over(
    database: Database,
) -> None:
    inbox = Inbox(database)
    first, second = write("m1"), write("m2", 1)
    assert await claim(inbox, first, "one")
    await inbox.claim(second, now=NOW, by="two", until=NOW + 9 * MINUTE)
    await inbox.take_over(now=NOW + MINUTE, by="two", until=NOW + 9 * MINUTE, limit=9)
    assert await inbox.load_status(second, "two") is ClaimStatus.HELD_UP
    await inbox.finish("m1", NOW + MINUTE)
    assert await inbox.load_status(second, "two") is ClaimStatus.FREE


async def test_messages_of_the_same_moment_do_not_wait_for_each_other(
    database: Database,
) -> None:
    inbox = Inbox(database)
    same_moment = write("m1"), write("m2")
    assert await claim(inbox, same_moment[0], "one")
    assert await claim(inbox, same_moment[1], "two")
    assert await inbox.load_status(same_moment[0], "one") is ClaimStatus.FREE
    assert await inbox.load_status(same_moment[1], "two") is ClaimStatus.FREE


async def test_messages_whose_claims_have_ended_are_taken_over_oldest_first(
    database: Database,
) -> None:
    inbox = Inbox(database)
    entries = [write(f"m{minute}", minute) for minute in (3, 1, 2, 0)]
    for entry in entries:
        assert await claim(inbox, entry, "one")
    await inbox.finish("m0", NOW)
    assert await inbox.take_over(now=NOW, by="two", until=NOW + 3 * MINUTE, limit=9) == ()
    taken = await inbox.take_over(now=NOW + MINUTE, by="two", until=NOW + 3 * MINUTE, limit=2)
    assert [entry.message_id for entry in taken] == ["m1", "m2"]
    assert taken[0] == write("m1", 1)
    assert await inbox.load_status(write("m1", 1), "one") is ClaimStatus.LOST


async def test_one_message_of_each_person_is_taken_over_before_the_second_of_any(
    database: Database,
) -> None:
    inbox = Inbox(database)
    flood = [write(f"a{number:03}", number) for number in range(MAX_CLAIMED_PER_PERSON + 9)]
    for entry in [*flood, write("b", 90, "bob"), write("c1", 91, "cat"), write("c2", 92, "cat")]:
        await inbox.claim(entry, now=NOW, by="", until=NOW)
    taken = await inbox.take_over(now=NOW, by="one", until=NOW + MINUTE, limit=5)
    assert [entry.message_id for entry in taken] == ["a000", "a001", "b", "c1", "c2"]
    taken = await inbox.take_over(now=NOW, by="one", until=NOW + MINUTE, limit=99)
    # Those taken before count as well, until they are finished.
    assert len(taken) == MAX_CLAIMED_PER_PERSON - 2
    assert await inbox.take_over(now=NOW, by="two", until=NOW + MINUTE, limit=99) == ()
    await inbox.finish("a000", NOW)
    (next_,) = await inbox.take_over(now=NOW, by="two", until=NOW + MINUTE, limit=99)
    assert next_ == flood[MAX_CLAIMED_PER_PERSON]


async def test_a_room_that_many_people_flood_keeps_nobody_elsewhere_waiting(
    database: Database,
) -> None:
    inbox = Inbox(database)
    people = range(MAX_CLAIMED_PER_ROOM + 9)
    flood = [InboxEntry(f"f{each:03}", "flooded", f"stranger {each}", NOW) for each in people]
    for entry in [*flood, write("b", 1, "bob")]:
        await inbox.claim(entry, now=NOW, by="", until=NOW)
    taken = await inbox.take_over(now=NOW, by="one", until=NOW + MINUTE, limit=2)
    assert [entry.message_id for entry in taken] == ["f000", "b"]
    taken = await inbox.take_over(now=NOW, by="one", until=NOW + MINUTE, limit=999)
    assert len(taken) == MAX_CLAIMED_PER_ROOM - 1


async def test_a_worker_extends_only_its_own_claims(database: Database) -> None:
    inbox = Inbox(database)
    for name, by in (("m1", "one"), ("m2", "two")):
        assert await claim(inbox, write(name), by)
    await inbox.extend(["m1", "m2"], by="one", until=NOW + 5 * MINUTE)
    taken = await inbox.take_over(now=NOW + MINUTE, by="three", until=NOW + 9 * MINUTE, limit=9)
    assert [entry.message_id for entry in taken] == ["m2"]


async def test_released_messages_can_be_taken_over_at_once(database: Database) -> None:
    inbox = Inbox(database)
    for name, by in (("m1", "one"), ("m2", "two"), ("m3", "two")):
        assert await claim(inbox, write(name), by)
    await inbox.release_all(by="one", now=NOW)
    await inbox.release("m2", by="two", now=NOW)
    await inbox.release("m3", by="one", now=NOW)
    taken = await inbox.take_over(now=NOW, by="three", until=NOW + MINUTE, limit=9)
    assert {entry.message_id for entry in taken} == {"m1", "m2"}


async def connect(database: Database, user_id: str, revoked_at: datetime | None = None) -> None:
    row = {
        "user_id": user_id,
        "username": user_id,
        "kind": "oauth",
        "connected_at": NOW + MINUTE,
        "language": "",
        "zone": "",
        "is_bearer": True,
        "sealed_token": b"",
        "token_id": "t",
        "revoked_at": revoked_at,
    }
    await database.write(lambda connection: connection.execute(insert(accounts).values(row)))


async def test_a_message_that_waited_for_its_sender_to_connect_is_due_again(
    database: Database,
) -> None:
    inbox = Inbox(database)
    for name, minute, sender in (("a1", 0, "ann"), ("a2", 1, "ann"), ("b", 0, "bob")):
        assert await claim(inbox, write(name, minute, sender), "one")
        await inbox.finish_awaiting(name, NOW, sender)
    await connect(database, "ann")
    await connect(database, "bob", revoked_at=NOW)
    assert await inbox.reopen(asked_after=NOW - MINUTE, connected_before=NOW) == 0
    assert await inbox.reopen(asked_after=NOW - MINUTE, connected_before=NOW + MINUTE) == 1
    assert await inbox.reopen(asked_after=NOW - MINUTE, connected_before=NOW + MINUTE) == 0
    taken = await inbox.take_over(now=NOW + MINUTE, by="two", until=NOW + 9 * MINUTE, limit=9)
    assert [(each.message_id, each.reply_kind) for each in taken] == [
        ("a2", ANSWER_AFTER_CONNECTING)
    ]


async def test_a_message_that_is_due_again_is_not_claimed_as_received_once_more(
    database: Database,
) -> None:
    inbox = Inbox(database)
    assert await claim(inbox, write("m1"), "one")
    await inbox.finish_awaiting("m1", NOW, "ann")
    await connect(database, "ann")
    await inbox.reopen(asked_after=NOW - MINUTE, connected_before=NOW + MINUTE)
    # As after a restart: answered as new, with the link, its second answer would not be sent.
    later = NOW + 2 * MINUTE
    status = await inbox.claim(write("m1"), now=later, by="two", until=later + MINUTE)
    assert status is ClaimStatus.LOST
    (taken,) = await inbox.take_over(now=later, by="two", until=later + MINUTE, limit=9)
    assert taken.reply_kind == ANSWER_AFTER_CONNECTING


async def test_a_message_does_not_wait_for_long(database: Database) -> None:
    inbox = Inbox(database)
    assert await claim(inbox, write("m1"), "one")
    await inbox.finish_awaiting("m1", NOW, "ann")
    await connect(database, "ann")
    later = NOW + 31 * MINUTE
    assert await inbox.reopen(asked_after=later - 30 * MINUTE, connected_before=later) == 0


async def test_the_checkpoint_is_made_once_and_never_moves_back(database: Database) -> None:
    checkpoints = Checkpoints(database, "bot")
    assert await checkpoints.load_or_make(NOW) == Checkpoint(NOW, NOW)
    await checkpoints.advance(NOW + MINUTE, NOW)
    await checkpoints.advance(NOW, NOW)
    assert await checkpoints.load_or_make(NOW + 9 * MINUTE) == Checkpoint(NOW, NOW + MINUTE)
    other = await Checkpoints(database, "another bot").load_or_make(NOW)
    assert other == Checkpoint(NOW, NOW)
