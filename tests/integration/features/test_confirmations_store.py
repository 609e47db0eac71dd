import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.features.confirmations import ConfirmationStore, PendingConfirmation, TakenConfirmation
from bot.storage.database import Database, open_database
from bot.storage.inbox import Inbox, InboxEntry

NOW = datetime(2026, 11, 23, 20, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=2)
QUESTION = PendingConfirmation("ann", "room", '{"logout": "s1"}', LATER)
TAKEN = TakenConfirmation(QUESTION.action, is_repeat=False)


@pytest.fixture
async def database(storage_url: str) -> AsyncIterator[Database]:
    async with open_database(storage_url) as opened:
        yield opened


@pytest.fixture
def confirmations(database: Database) -> ConfirmationStore:
    return ConfirmationStore(database)


async def test_a_question_is_confirmed_once(confirmations: ConfirmationStore) -> None:
    await confirmations.save(QUESTION)
    assert await confirmations.consume("ann", "room", NOW, "m1") == TAKEN
    assert await confirmations.consume("ann", "room", NOW, "m2") is None


async def test_the_same_message_gets_its_confirmed_action_until_it_is_finished(
    confirmations: ConfirmationStore, database: Database
) -> None:
    inbox = Inbox(database)
    await inbox.claim(InboxEntry("m1", "room", "ann", NOW), now=NOW, by="one", until=LATER)
    await confirmations.save(QUESTION)
    assert await confirmations.consume("ann", "room", NOW, "m1") == TAKEN
    assert await confirmations.consume("ann", "room", NOW, "m1") == replace(TAKEN, is_repeat=True)
    assert await confirmations.consume("ann", "room", NOW, "m2") is None
    await inbox.finish("m1", NOW)
    assert await confirmations.consume("ann", "room", NOW, "m1") is None


async def test_only_the_person_asked_confirms_and_only_where_they_were_asked(
    confirmations: ConfirmationStore,
) -> None:
    await confirmations.save(QUESTION)
    assert await confirmations.consume("bob", "room", NOW, "m1") is None
    assert await confirmations.consume("ann", "elsewhere", NOW, "m2") is None
    assert await confirmations.consume("ann", "room", NOW, "m3") == TAKEN


async def test_a_question_can_be_confirmed_until_it_expires(
    confirmations: ConfirmationStore,
) -> None:
    await confirmations.save(QUESTION)
    assert await confirmations.consume("ann", "room", LATER, "m1") is None
    last_moment = LATER - timedelta(microseconds=1)
    assert await confirmations.consume("ann", "room", last_moment, "m2") == TAKEN


async def test_a_new_question_replaces_the_older_one(confirmations: ConfirmationStore) -> None:
    await confirmations.save(QUESTION)
    await confirmations.save(replace(QUESTION, room_id="other room", action="forget"))
    assert await confirmations.consume("ann", "room", NOW, "m1") is None
    taken = await confirmations.consume("ann", "other room", NOW, "m2")
    assert taken == TakenConfirmation("forget", is_repeat=False)


async def test_of_many_callers_one_consumes_a_question(storage_url: str) -> None:
    async with AsyncExitStack() as stack:
        everybody = [
            ConfirmationStore(await stack.enter_async_context(open_database(storage_url)))
            for _ in range(3)
        ]
        await everybody[0].save(QUESTION)
        results = await asyncio.gather(
            *(everybody[n % 3].consume("ann", "room", NOW, f"m{n}") for n in range(30))
        )
    assert [result for result in results if result] == [TAKEN]
