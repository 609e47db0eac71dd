"""More people ask at once than the workspace's rate limit allows."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.support.busy_stage import LIMIT, Outcome, ask_at_once, open_party

WINDOW = 2.0
PEOPLE = 40
MOST_WAITING = 20
NEVER_TOLD = 3.0
SURELY_TOLD = 5.0
_REFUSAL = re.compile(
    r"Too many people are asking me just now\. "
    r"Please try again at (\d\d):(\d\d), in about (\d+) minutes?\."
)


async def test_forty_people_at_once_are_answered_in_turn_and_told_the_wait(tmp_path: Path) -> None:
    async with open_party(tmp_path, PEOPLE, window=WINDOW) as party:
        answered = await ask_at_once(party.guests)

    assert all(each.is_answer for each in answered)
    assert party.count_calls("sessions/list") == PEOPLE
    assert party.count_refusals() == 0
    for place, each in enumerate(answered):
        assert abs(place - party.guests.index(each.guest)) <= LIMIT
        check_that_the_wait_was_told(each)
    assert answered[-1].seconds > SURELY_TOLD


def check_that_the_wait_was_told(each: Outcome) -> None:
    assert len(each.guest.notices) == 1 or each.seconds < SURELY_TOLD
    assert not each.guest.notices or each.seconds > NEVER_TOLD
    assert all("it is your turn in about" in notice for notice in each.guest.notices)


async def test_whom_nothing_can_be_promised_is_told_at_once_when_to_come_back(
    tmp_path: Path,
) -> None:
    people = 2 * MOST_WAITING + LIMIT
    async with open_party(tmp_path, people + 1, window=WINDOW, most_waiting=MOST_WAITING) as party:
        # What the workspace allows is known from its answers only.
        await ask_at_once([party.guests.pop()])
        party.simulator.requests.clear()
        asked_at = datetime.now(UTC)
        outcomes = await ask_at_once(party.guests)
        answered = [each for each in outcomes if each.is_answer]
        refused = [each for each in outcomes if not each.is_answer]

        assert len(outcomes) == people
        assert len(answered) == party.count_calls("sessions/list")
        assert MOST_WAITING <= len(answered) <= MOST_WAITING + LIMIT
        for each in refused:
            assert each.seconds < NEVER_TOLD
            assert not each.guest.notices
            check_the_time_to_come_back(each, asked_at)
        for each in answered:
            check_that_the_wait_was_told(each)
        places = [party.guests.index(each.guest) for each in answered]
        assert all(abs(place - turn) <= LIMIT for turn, place in enumerate(places))

        # Whoever was sent away is as welcome as anybody when they come back.
        again = await ask_at_once([each.guest for each in refused[:LIMIT]])
        assert all(each.is_answer for each in again)
        assert all(each.guest.heard.empty() for each in outcomes)
    assert party.count_refusals() == 0


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
