"""More people ask at once than the workspace's rate limit allows."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.support.busy import (
    LIMIT,
    Outcome,
    ask_at_once,
    count_refusals,
    find_askers,
    open_busy_stage,
)
from tests.support.people import Guest
from tests.support.stage import Stage

WINDOW = 2.0
PEOPLE = 40
MAX_WAITING = 20
NEVER_TOLD_S = 3.0
SURELY_TOLD_S = 5.0
_REFUSAL = re.compile(
    r"Too many people are asking me right now\. "
    r"Please try again at (\d\d):(\d\d), in about (\d+) minutes?\."
)


async def test_forty_people_at_once_are_answered_in_turn_and_told_the_wait(tmp_path: Path) -> None:
    async with open_busy_stage(tmp_path, PEOPLE, window=WINDOW) as (stage, guests):
        answered = await ask_at_once(guests)

    assert all(each.is_answer for each in answered)
    assert stage.count_calls("sessions/list") == PEOPLE
    assert count_refusals(stage) == 0
    check_that_all_were_in_turn(stage, guests)
    for each in answered:
        check_that_the_wait_was_told(each)
    assert answered[-1].seconds > SURELY_TOLD_S
    assert any(each.guest.notices for each in answered)


def check_that_all_were_in_turn(stage: Stage, guests: list[Guest]) -> None:
    """Check that each call was made in its own window of the limit or in one beside it.

    Not the order of the answers: on a busy machine they overtake each other on their way.
    """
    askers = list(find_askers(stage, "sessions/list"))
    for place, guest in enumerate(guests):
        assert abs(place // LIMIT - askers.index(guest.user.id) // LIMIT) <= 1


def check_that_the_wait_was_told(each: Outcome) -> None:
    assert len(each.guest.notices) == 1 or each.worked_s < SURELY_TOLD_S
    assert not each.guest.notices or each.seconds > NEVER_TOLD_S
    assert all("it is your turn in about" in notice for notice in each.guest.notices)


async def test_whom_nothing_can_be_promised_is_told_at_once_when_to_come_back(
    tmp_path: Path,
) -> None:
    people = 2 * MAX_WAITING + LIMIT
    async with open_busy_stage(tmp_path, people + 1, window=WINDOW, most_waiting=MAX_WAITING) as (
        stage,
        guests,
    ):
        # The bot learns the limit from the workspace's responses.
        await ask_at_once([guests.pop()])
        stage.simulator.requests.clear()
        asked_at = datetime.now(UTC)
        outcomes = await ask_at_once(guests)
        answered = [each for each in outcomes if each.is_answer]
        refused = [each for each in outcomes if not each.is_answer]

        assert len(outcomes) == people
        assert len(answered) == stage.count_calls("sessions/list")
        # A slow machine may take longer than a window until all have asked.
        last_refused_s = max(each.seconds for each in refused)
        windows = 1 + int(last_refused_s / WINDOW)
        assert MAX_WAITING <= len(answered) <= MAX_WAITING + windows * LIMIT
        for each in refused:
            assert each.worked_s < NEVER_TOLD_S
            assert not each.guest.notices
            check_the_time_to_come_back(each, asked_at)
        for each in answered:
            check_that_the_wait_was_told(each)
        check_that_all_were_in_turn(stage, sorted((e.guest for e in answered), key=guests.index))

        # Those who were refused are answered like all others when they come back.
        again = await ask_at_once([each.guest for each in refused[:LIMIT]])
        assert all(each.is_answer for each in again)
        assert all(not each.guest.has_unheard for each in outcomes)
    assert count_refusals(stage) == 0


def check_the_time_to_come_back(each: Outcome, asked_at: datetime) -> None:
    found = _REFUSAL.fullmatch(each.text)
    assert found, each.text
    hour, minute, minutes = map(int, found.groups())
    told = timedelta(hours=hour, minutes=minute)
    here = asked_at + each.guest.offset
    ahead = (told - timedelta(hours=here.hour, minutes=here.minute)) % timedelta(days=1)
    # As their own clock shows it, after the windows of all who wait before them.
    assert timedelta(0) < ahead <= timedelta(minutes=2)
    assert 1 <= minutes <= 2
