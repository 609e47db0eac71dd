"""What the workspace's rate limit means for the number of people who use the bot. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from math import ceil
from typing import Final

from bot.features.alerts.alerts import MIN_INTERVAL, find_interval, find_pace
from bot.features.status_report.backlog import Demand

DEFAULT_LIMIT: Final = 10
"""Calls a minute, client address and route, in a new workspace (``server/settings/rate.ts``)."""

_MINUTES_A_DAY: Final = 24 * 60
_NOTICEABLE: Final = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Capacity:
    """What follows from a demand; ``limit`` and ``checks`` are in calls a minute and route.

    ``reports_take`` is how long the most reports due at one time take while nobody asks anything;
    ``last_answer_after`` when the last person is answered if all ask at once; ``interval`` is the
    time between two alert checks of one person.
    """

    demand: Demand
    limit: int
    checks: float
    reports_take: timedelta
    last_answer_after: timedelta
    interval: timedelta

    @property
    def calls_a_day(self) -> int:
        """The calls of one route that are allowed in a day."""
        return self.limit * _MINUTES_A_DAY


def estimate(demand: Demand, limit: int | None) -> Capacity:
    """Work out what the limit means; None stands for the default one.

    A report, a question and an alert check cost one call each of the same route.
    """
    allowed = limit or DEFAULT_LIMIT
    minutes = MIN_INTERVAL.total_seconds() / 60
    pace = find_pace(allowed)
    checks = min(pace, demand.watched / minutes)
    return Capacity(
        demand=demand,
        limit=allowed,
        checks=checks,
        reports_take=_divide(demand.busiest, allowed - checks),
        last_answer_after=_divide(demand.connected, allowed - checks),
        interval=find_interval(demand.watched, pace),
    )


def describe(capacity: Capacity, max_delay: timedelta) -> Iterator[str]:
    """Yield sentences for the operator; ``max_delay`` is how late a report may be made."""
    demand = capacity.demand
    yield (
        f"{capacity.limit} calls a minute and route are {capacity.calls_a_day:,} questions a day,"
        " for everybody on this address together"
    )
    if demand.connected:
        yield (
            f"if all {demand.connected:,} connected people ask at once, the last has an answer"
            f" after about {_format(capacity.last_answer_after)}"
        )
    if demand.planned:
        yield (
            f"of {demand.planned:,} scheduled reports at most {demand.busiest:,} are due at one"
            f" time, which takes about {_format(capacity.reports_take)}"
        )
    if demand.watched:
        yield (
            f"alerts check every {_format(capacity.interval)} each of those who want them"
            f" ({demand.watched:,}), which takes {capacity.checks:.2g} of the calls a minute"
        )
    if is_short(capacity, max_delay):
        yield (
            f"reports that are {_format(max_delay)} late are skipped, so some would be: raise the"
            " limit"
        )


def is_short(capacity: Capacity, max_delay: timedelta) -> bool:
    """Return whether some reports of the busiest time would be skipped."""
    return capacity.reports_take > max_delay


def is_tight(capacity: Capacity) -> bool:
    """Return whether people would have to wait noticeably long."""
    return max(capacity.reports_take, capacity.last_answer_after) > _NOTICEABLE


def _divide(calls: int, a_minute: float) -> timedelta:
    return timedelta(minutes=ceil(calls / max(a_minute, 1)))


def _format(length: timedelta) -> str:
    minutes = int(length.total_seconds() / 60)
    if minutes < 2 * 60:
        return "a minute" if minutes == 1 else f"{minutes} minutes"
    return f"{minutes / 60:.3g} hours"
