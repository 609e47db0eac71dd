"""Forty people at the default rate limit of ten calls a minute: about four minutes.

``python -m tests.stress.busy [people]`` prints what wait each was told, and the real one.
"""

import asyncio
import logging
import re
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from tests.support.busy import LIMIT, Outcome, ask_at_once, count_refusals, open_busy_stage
from tests.support.people import Guest
from tests.support.stage import Stage

WINDOW_S = 60.0
PEOPLE = 40
_TOLD = re.compile(r"your turn in about (\d+) seconds?")


@dataclass(frozen=True)
class Wait:
    """What somebody was told, when, and how long it was from then; in seconds."""

    told: float
    told_after: float
    real: float

    @property
    def error(self) -> float:
        return self.real - self.told


def find_wait(outcome: Outcome) -> Wait | None:
    found = [_TOLD.search(notice) for notice in outcome.guest.notices]
    if len(found) != 1 or found[0] is None:
        return None
    at = outcome.guest.noticed_at
    return Wait(float(found[0][1]), at - outcome.asked_at, outcome.heard_at - at)


def describe(outcomes: Sequence[Outcome], stage: Stage, guests: Sequence[Guest]) -> list[str]:
    waits = [wait for each in outcomes if (wait := find_wait(each))]
    lines = [f"{'told (s)':>9} {'told after (s)':>15} {'real (s)':>9} {'error (s)':>10}"]
    lines += [f"{w.told:9.0f} {w.told_after:15.1f} {w.real:9.1f} {w.error:+10.1f}" for w in waits]
    at_once = [each.seconds for each in outcomes if not each.guest.notices]
    errors = [abs(wait.error) for wait in waits]
    places = [guests.index(each.guest) for each in outcomes]
    otherwise = len(outcomes) - len(waits) - len(at_once)
    mean, worst = sum(errors) / len(errors), max(errors)
    calls = stage.count_calls("sessions/list")
    order = max(abs(place - turn) for turn, place in enumerate(places))
    return [
        *lines,
        f"people {len(outcomes)}, answered {sum(each.is_answer for each in outcomes)}",
        f"answered without waiting {len(at_once)}, the slowest after {max(at_once):.1f} s",
        f"told the wait once {len(waits)}, told otherwise {otherwise}",
        f"last answer after {max(each.seconds for each in outcomes):.1f} s",
        f"told against real: mean error {mean:.1f} s, worst {worst:.1f} s",
        f"places out of turn at most {order}",
        f"calls of sessions/list {calls}, 429s {count_refusals(stage)}",
    ]


async def main(people: int) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        async with open_busy_stage(Path(folder), people, window=WINDOW_S) as (stage, guests):
            timeout_s = (people / LIMIT + 3) * WINDOW_S
            outcomes = await ask_at_once(guests, timeout_s)
            sys.stdout.write("\n".join([*describe(outcomes, stage, guests), ""]))
            return all(each.is_answer for each in outcomes) and not count_refusals(stage)


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    is_well = asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else PEOPLE))
    sys.exit(0 if is_well else 1)
