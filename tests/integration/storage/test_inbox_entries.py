"""What the inbox knows beyond who has claimed what: order, take-overs, questions that wait."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert

from bot.features.confirmations import ConfirmationStore, PendingConfirmation
from bot.storage.checkpoints import Checkpoint, Checkpoints
from bot.storage.database import Database, open_database
from bot.storage.inbox import ANSWER_AFTER_CONNECTING, ClaimStatus, Inbox, InboxEntry
from bot.storage.tables import accounts

NOW = datetime(2026, 11, 23, 20, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
async def database(storage_url: str) -> AsyncIterator[Database]:
    async with open_database(storage_url) as opened:
        yield opened


def write(name: str, minute: int = 0, sender: str = "ann") -> InboxEntry:
    return InboxEntry(name, f"room of {sender}", sender, NOW + minute * MINUTE)


async def claim(inbox: Inbox, letter: InboxEntry, by: str) -> bool:
    return await inbox.claim(letter, now=NOW, by=by, until=NOW + MINUTE)


async def test_a_persons_later_message_waits_for_what_another_worker_has(
    database: Database,
) -> None:
    inbox = Inbox(database)
    first, second, other = write("m1"), write("m2", 1), write("m3", 2, "bob")
    assert await claim(inbox, first, "one")
    assert await claim(inbox, second, "two")
    assert await claim(inbox, other, "two")
    assert await inbox.find_standing(second, "two") is ClaimStatus.HELD_UP
    assert await inbox.find_standing(other, "two") is ClaimStatus.FREE
    assert await inbox.find_standing(first, "one") is ClaimStatus.FREE
    await inbox.finish("m1", NOW)
    assert await inbox.find_standing(second, "two") is ClaimStatus.FREE
    assert await inbox.find_standing(first, "one") is ClaimStatus.LOST


async def test_a_claim_tells_where_it_stands(database: Database) -> None:
    inbox, until = Inbox(database), NOW + MINUTE
    first, second = write("m1"), write("m2", 1)
    assert await inbox.begin_to_claim(first, now=NOW, by="one", until=until) is ClaimStatus.FREE
    assert await inbox.begin_to_claim(second, now=NOW, by="one", until=until) is ClaimStatus.HELD_UP
    assert await inbox.begin_to_claim(second, now=NOW, by="two", until=until) is ClaimStatus.LOST
    other = write("m3", 2)
    assert await inbox.begin_to_claim(other, now=NOW, by="two", until=until) is ClaimStatus.HELD_UP
    for letter in (first, second):
        await inbox.finish(letter.message_id, NOW)
    assert await inbox.begin_to_claim(other, now=NOW, by="two", until=until) is ClaimStatus.FREE


async def test_a_persons_later_message_waits_for_what_its_own_worker_has_just_taken_over(
    database: Database,
) -> None:
    inbox = Inbox(database)
    first, second = write("m1"), write("m2", 1)
    assert await claim(inbox, first, "one")
    assert await inbox.claim(second, now=NOW, by="two", until=NOW + 9 * MINUTE)
    await inbox.take_over(now=NOW + MINUTE, by="two", until=NOW + 9 * MINUTE, most=9)
    assert await inbox.find_standing(second, "two") is ClaimStatus.HELD_UP
    await inbox.finish("m1", NOW + MINUTE)
    assert await inbox.find_standing(second, "two") is ClaimStatus.FREE


async def test_what_was_said_in_the_same_moment_does_not_wait_for_each_other(
    database: Database,
) -> None:
    inbox = Inbox(database)
    twins = write("m1"), write("m2")
    assert await claim(inbox, twins[0], "one")
    assert await claim(inbox, twins[1], "two")
    assert await inbox.find_standing(twins[0], "one") is ClaimStatus.FREE
    assert await inbox.find_standing(twins[1], "two") is ClaimStatus.FREE


async def test_what_nobody_works_on_any_more_is_taken_over_oldest_first(
    database: Database,
) -> None:
    inbox = Inbox(database)
    letters = [write(f"m{minute}", minute) for minute in (3, 1, 2, 0)]
    for letter in letters:
        assert await claim(inbox, letter, "one")
    await inbox.finish("m0", NOW)
    assert await inbox.take_over(now=NOW, by="two", until=NOW + 3 * MINUTE, most=9) == ()
    taken = await inbox.take_over(now=NOW + MINUTE, by="two", until=NOW + 3 * MINUTE, most=2)
    assert [letter.message_id for letter in taken] == ["m1", "m2"]
    assert taken[0] == write("m1", 1)
    assert await inbox.find_standing(write("m1", 1), "one") is ClaimStatus.LOST


async def test_renewing_keeps_only_ones_own(database: Database) -> None:
    inbox = Inbox(database)
    for name, by in (("m1", "one"), ("m2", "two")):
        assert await claim(inbox, write(name), by)
    await inbox.renew(["m1", "m2"], by="one", until=NOW + 5 * MINUTE)
    taken = await inbox.take_over(now=NOW + MINUTE, by="three", until=NOW + 9 * MINUTE, most=9)
    assert [letter.message_id for letter in taken] == ["m2"]


async def test_what_is_released_or_put_back_is_due_at_once(database: Database) -> None:
    inbox = Inbox(database)
    for name, by in (("m1", "one"), ("m2", "two"), ("m3", "two")):
        assert await claim(inbox, write(name), by)
    await inbox.release(by="one", now=NOW)
    await inbox.put_back("m2", by="two", now=NOW)
    await inbox.put_back("m3", by="one", now=NOW)
    taken = await inbox.take_over(now=NOW, by="three", until=NOW + MINUTE, most=9)
    assert {letter.message_id for letter in taken} == {"m1", "m2"}


async def connect(database: Database, user_id: str, dead_since: datetime | None = None) -> None:
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
        "dead_since": dead_since,
    }
    await database.write(lambda connection: connection.execute(insert(accounts).values(row)))


async def test_a_question_that_waited_for_its_sender_to_connect_is_due_again(
    database: Database,
) -> None:
    inbox = Inbox(database)
    for name, minute, sender in (("a1", 0, "ann"), ("a2", 1, "ann"), ("b", 0, "bob")):
        assert await claim(inbox, write(name, minute, sender), "one")
        await inbox.finish(name, NOW, awaiting=sender)
    await connect(database, "ann")
    await connect(database, "bob", dead_since=NOW)
    assert await inbox.reopen(asked_after=NOW - MINUTE, connected_before=NOW) == 0
    assert await inbox.reopen(asked_after=NOW - MINUTE, connected_before=NOW + MINUTE) == 1
    assert await inbox.reopen(asked_after=NOW - MINUTE, connected_before=NOW + MINUTE) == 0
    taken = await inbox.take_over(now=NOW + MINUTE, by="two", until=NOW + 9 * MINUTE, most=9)
    assert [(each.message_id, each.part) for each in taken] == [("a2", ANSWER_AFTER_CONNECTING)]


async def test_a_question_that_is_due_again_is_not_taken_for_the_same_heard_once_more(
    database: Database,
) -> None:
    inbox = Inbox(database)
    assert await claim(inbox, write("m1"), "one")
    await inbox.finish("m1", NOW, awaiting="ann")
    await connect(database, "ann")
    await inbox.reopen(asked_after=NOW - MINUTE, connected_before=NOW + MINUTE)
    # As caught up on after a stop: with its first answer, the link, the second would be withheld.
    later = NOW + 2 * MINUTE
    assert not await inbox.claim(write("m1"), now=later, by="two", until=later + MINUTE)
    (taken,) = await inbox.take_over(now=later, by="two", until=later + MINUTE, most=9)
    assert taken.part == ANSWER_AFTER_CONNECTING


async def test_a_question_is_not_answered_long_after(database: Database) -> None:
    inbox = Inbox(database)
    assert await claim(inbox, write("m1"), "one")
    await inbox.finish("m1", NOW, awaiting="ann")
    await connect(database, "ann")
    later = NOW + 31 * MINUTE
    assert await inbox.reopen(asked_after=later - 30 * MINUTE, connected_before=later) == 0


async def test_what_was_confirmed_is_remembered_until_the_answer_stands(
    database: Database,
) -> None:
    inbox, confirmations = Inbox(database), ConfirmationStore(database)
    await confirmations.save(PendingConfirmation("ann", "r", "do it", NOW + MINUTE))
    assert await claim(inbox, write("m1"), "one")
    assert await confirmations.consume("ann", "elsewhere", NOW, "m1") is None
    first = await confirmations.consume("ann", "r", NOW, "m1")
    again = await confirmations.consume("ann", "r", NOW + 9 * MINUTE, "m1")
    assert first is not None
    assert (first.action, first.is_repeat) == ("do it", False)
    assert again is not None
    assert (again.action, again.is_repeat) == ("do it", True)
    assert await confirmations.consume("ann", "r", NOW, "m2") is None
    await inbox.finish("m1", NOW)
    assert await confirmations.consume("ann", "r", NOW, "m1") is None


async def test_the_checkpoint_begins_once_and_only_moves_on(database: Database) -> None:
    checkpoints = Checkpoints(database, "bot")
    assert await checkpoints.load_or_begin(NOW) == Checkpoint(NOW, NOW)
    await checkpoints.advance(NOW + MINUTE, NOW)
    await checkpoints.advance(NOW, NOW)
    assert await checkpoints.load_or_begin(NOW + 9 * MINUTE) == Checkpoint(NOW, NOW + MINUTE)
    other = await Checkpoints(database, "another bot").load_or_begin(NOW)
    assert other == Checkpoint(NOW, NOW)
