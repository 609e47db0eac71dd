"""What the workspace's rate limit means for so many people. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from math import ceil
from typing import Final

from bot.features.alerts.alerts import CHECKS_PER_MINUTE, SHORTEST_INTERVAL, find_interval
from bot.features.status_report.backlog import Demand

USUAL_LIMIT: Final = 10
"""Calls a minute, client address and route, in a new workspace (``server/settings/rate.ts``)."""

_MINUTES_A_DAY: Final = 24 * 60
_LONG: Final = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Capacity:
    """What follows from a demand. ``limit`` is in calls a minute and route.

    ``burst`` is how long the reports take that are due at one time, while nobody asks anything;
    ``crowd`` when the last one is answered if everybody asks at once.
    """

    demand: Demand
    limit: int
    looks: float
    burst: timedelta
    crowd: timedelta
    interval: timedelta

    @property
    def a_day(self) -> int:
        """How many calls of one route a day has room for."""
        return self.limit * _MINUTES_A_DAY


def estimate(demand: Demand, limit: int | None) -> Capacity:
    """Work out what the limit means; None is taken for the usual one.

    A report, a question and a look for new devices cost one call each of the same route.
    """
    allowed = limit or USUAL_LIMIT
    minutes = SHORTEST_INTERVAL.total_seconds() / 60
    looks = min(CHECKS_PER_MINUTE, demand.watched / minutes)
    return Capacity(
        demand=demand,
        limit=allowed,
        looks=looks,
        burst=_share_out(demand.busiest, allowed - looks),
        crowd=_share_out(demand.connected, allowed - looks),
        interval=find_interval(demand.watched),
    )


def describe(capacity: Capacity, grace: timedelta) -> Iterator[str]:
    """Say it in sentences; ``grace`` is how late a report may be before it is not made."""
    demand = capacity.demand
    yield (
        f"{capacity.limit} calls a minute and route are {capacity.a_day:,} questions a day,"
        " for everybody on this address together"
    )
    if demand.connected:
        yield (
            f"if all {demand.connected:,} connected people ask at once, the last has an answer"
            f" after about {_write(capacity.crowd)}"
        )
    if demand.planned:
        yield (
            f"of {demand.planned:,} planned reports at most {demand.busiest:,} are due at one time,"
            f" which takes about {_write(capacity.burst)}"
        )
    if demand.watched:
        yield (
            f"alerts look every {_write(capacity.interval)} at each of those who want them"
            f" ({demand.watched:,}), which takes {capacity.looks:.2g} of the calls a minute"
        )
    if is_short(capacity, grace):
        yield (
            f"reports that are {_write(grace)} late are skipped, so some would be: raise the limit"
        )


def is_short(capacity: Capacity, grace: timedelta) -> bool:
    """Return whether some reports of the busiest time would never be made."""
    return capacity.burst > grace


def is_tight(capacity: Capacity) -> bool:
    """Return whether people would notice how long it takes."""
    return max(capacity.burst, capacity.crowd) > _LONG


def _share_out(calls: int, a_minute: float) -> timedelta:
    return timedelta(minutes=ceil(calls / max(a_minute, 1)))


def _write(length: timedelta) -> str:
    minutes = int(length.total_seconds() / 60)
    if minutes < 2 * 60:
        return "a minute" if minutes == 1 else f"{minutes} minutes"
    return f"{minutes / 60:.3g} hours"
