import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta

import pytest

from bot.errors import NothingToConfirmError
from bot.features.confirmations import (
    TIME_TO_CONFIRM,
    Action,
    ActionKind,
    Confirmations,
    Confirmed,
    make_reference,
)
from bot.storage.database import Database, open_database
from bot.storage.inbox import Inbox, InboxEntry

NOW = datetime(2026, 11, 23, 20, 0, tzinfo=UTC)
REFERENCE = make_reference("q1")
ACTION = Action(kind=ActionKind.LOG_OUT, reference=REFERENCE, devices=(("a tablet", ("s1",)),))
TAKEN = Confirmed(ACTION, may_be_done=False)


class Clock:
    moment = NOW

    def now(self) -> datetime:
        return self.moment


@pytest.fixture
async def database(storage_url: str) -> AsyncIterator[Database]:
    async with open_database(storage_url) as opened:
        yield opened


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def confirmations(database: Database, clock: Clock) -> Confirmations:
    return Confirmations(database, clock.now)


async def expect_nothing(confirmations: Confirmations, user: str, room: str, message: str) -> None:
    with pytest.raises(NothingToConfirmError):
        await confirmations.take(user, room, message)


async def test_a_question_is_confirmed_once(confirmations: Confirmations) -> None:
    await confirmations.ask("ann", "room", ACTION, "q1")
    assert await confirmations.take("ann", "room", "m1") == TAKEN
    await expect_nothing(confirmations, "ann", "room", "m2")


async def test_the_same_message_gets_its_confirmed_action_until_it_is_finished(
    confirmations: Confirmations, database: Database, clock: Clock
) -> None:
    inbox, until = Inbox(database), NOW + TIME_TO_CONFIRM
    await inbox.claim(InboxEntry("m1", "room", "ann", NOW), now=NOW, by="one", until=until)
    await confirmations.ask("ann", "room", ACTION, "q1")
    assert await confirmations.take("ann", "room", "m1") == TAKEN
    clock.moment += 2 * TIME_TO_CONFIRM
    assert await confirmations.take("ann", "room", "m1") == Confirmed(ACTION, may_be_done=True)
    clock.moment = NOW
    await expect_nothing(confirmations, "ann", "room", "m2")
    await inbox.finish("m1", NOW)
    await expect_nothing(confirmations, "ann", "room", "m1")


async def test_only_the_person_asked_confirms_and_only_where_they_were_asked(
    confirmations: Confirmations,
) -> None:
    await confirmations.ask("ann", "room", ACTION, "q1")
    await expect_nothing(confirmations, "bob", "room", "m1")
    await expect_nothing(confirmations, "ann", "elsewhere", "m2")
    assert await confirmations.take("ann", "room", "m3") == TAKEN


async def test_a_question_can_be_confirmed_until_it_expires(
    confirmations: Confirmations, clock: Clock
) -> None:
    await confirmations.ask("ann", "room", ACTION, "q1")
    clock.moment = NOW + TIME_TO_CONFIRM
    await expect_nothing(confirmations, "ann", "room", "m1")
    clock.moment -= timedelta(microseconds=1)
    assert await confirmations.take("ann", "room", "m2") == TAKEN


async def test_a_new_question_replaces_the_older_one(confirmations: Confirmations) -> None:
    await confirmations.ask("ann", "room", ACTION, "q1")
    forget = Action(kind=ActionKind.FORGET, reference=make_reference("q2"))
    await confirmations.ask("ann", "other room", forget, "q2")
    await expect_nothing(confirmations, "ann", "room", "m1")
    taken = await confirmations.take("ann", "other room", "m2")
    assert taken == Confirmed(forget, may_be_done=False)


async def test_of_many_callers_one_takes_a_question(storage_url: str) -> None:
    async with AsyncExitStack() as stack:
        everybody = [
            Confirmations(await stack.enter_async_context(open_database(storage_url)), lambda: NOW)
            for _ in range(3)
        ]
        await everybody[0].ask("ann", "room", ACTION, "q1")
        results = await asyncio.gather(
            *(everybody[n % 3].take("ann", "room", f"m{n}") for n in range(30)),
            return_exceptions=True,
        )
    assert [each for each in results if not isinstance(each, NothingToConfirmError)] == [TAKEN]


async def test_a_reference_takes_its_own_question_and_no_other(
    confirmations: Confirmations,
) -> None:
    older = await confirmations.ask("ann", "room", ACTION, "q1")
    # The name of a device that pretends to be the reference of another question.
    named = ACTION.model_copy(update={"devices": ((f'"reference":"{older}"', ("s2",)),)})
    newer = await confirmations.ask("ann", "room", named, "q2")
    for reference in (older, "0" * 8):
        with pytest.raises(NothingToConfirmError, match="no longer open"):
            await confirmations.take("ann", "room", "m1", reference)
    taken = await confirmations.take("ann", "room", "m2", newer)
    assert taken.action.session_ids == ("s2",)
    with pytest.raises(NothingToConfirmError, match="no longer open"):
        await confirmations.take("ann", "room", "m3", newer)


async def test_other_words_than_a_reference_confirm_the_last_question(
    confirmations: Confirmations,
) -> None:
    await confirmations.ask("ann", "room", ACTION, "q1")
    assert await confirmations.take("ann", "room", "m1", "yes please") == TAKEN
