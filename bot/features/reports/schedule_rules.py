"""When something is due: rules, and the times that follow from them. Pure.

When clocks change, Debian cron's rules apply: a time that the clocks skip is the first minute after
it, and a time that comes twice is the first of the two. A day that a month does not have is its
last day.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum
from hashlib import sha256
from itertools import islice
from typing import Final

from cronsim import CronSim

SPREAD: Final = timedelta(minutes=5)
"""Reports due at the same time are started within this, and earlier where they are few."""

SHUFFLED_WITHIN: Final = timedelta(seconds=1)
"""After their time; the order of those due at the same time."""

_AT_ONCE: Final = 3
_SHARE: Final = 0.5
"""Of the calls that the workspace allows; people and alerts have the others."""

_MAX_PER_MINUTE: Final = 480.0  # eight a second, as they are sent while people use the bot

WEEKDAYS: Final = (
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
)
LAST_DAY: Final = 31
LAST_DAY_OF_EVERY_MONTH: Final = 28
"""The last day that every month has."""


class Frequency(StrEnum):
    """How often something is due."""

    DAILY = "daily"
    WEEKDAYS = "weekdays"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


@dataclass(frozen=True, slots=True)
class ScheduleRule:
    """A time of day, and the days on which something is due.

    ``day`` is 0 (Monday) to 6 for a weekly rule, and 1 to 31 for a monthly one. As text it is what
    ``parse_schedule_rule`` reads: ``weekly mon 09:00``.
    """

    frequency: Frequency
    hour: int
    minute: int
    day: int = 0

    def __str__(self) -> str:
        days = {Frequency.WEEKLY: WEEKDAYS[self.day % 7][:3], Frequency.MONTHLY: str(self.day)}
        day = days.get(self.frequency, "")
        return " ".join(filter(None, (self.frequency, day, f"{self.hour:02}:{self.minute:02}")))


def list_times(rule: ScheduleRule, zone: tzinfo, after: datetime) -> Iterator[datetime]:
    """Yield the times that follow ``after``, in UTC and without an end."""
    series = [_follow(expression, zone, after) for expression in _make_cron_expressions(rule)]
    ahead = [next(times) for times in series]
    while True:
        soonest = min(ahead)
        yield soonest
        ahead = [
            next(times) if time == soonest else time
            for times, time in zip(series, ahead, strict=True)
        ]


def find_next(rule: ScheduleRule, zone: tzinfo, after: datetime) -> datetime:
    """Return the first time after ``after``, in UTC."""
    return next(list_times(rule, zone, after))


def list_next(rule: ScheduleRule, zone: tzinfo, after: datetime, count: int) -> list[datetime]:
    """Return the next ``count`` times after ``after``, in UTC."""
    return list(islice(list_times(rule, zone, after), count))


def find_offset(user_id: str, due_at: datetime) -> timedelta:
    """Return the offset of one report within ``SHUFFLED_WITHIN``: always the same, in whole µs.

    A person's next report has another one, so that nobody is always among the last.
    """
    name = f"{user_id} {due_at.timestamp():.0f}"
    number = int.from_bytes(sha256(name.encode()).digest()[:8])
    return timedelta(microseconds=number % (SHUFFLED_WITHIN // timedelta(microseconds=1)))


def find_delay(waiting: int, calls_per_minute: float, step: timedelta) -> timedelta:
    """Return how long after its time a report starts that so many others wait before, or less.

    The first few start at once, and the others as the workspace's rate limit allows, in steps of
    ``step`` and within ``SPREAD``; ``calls_per_minute`` is infinite without a limit.
    """
    gap = timedelta(minutes=1) / min(calls_per_minute * _SHARE, _MAX_PER_MINUTE)
    return min(max(0, waiting - _AT_ONCE) * gap // step * step, SPREAD)


def _follow(expression: str, zone: tzinfo, after: datetime) -> Iterator[datetime]:
    # CronSim counts in local time: in an hour that comes twice it may return the first of the two
    # while the second is running.
    for time in CronSim(expression, after.astimezone(zone)):
        if time.astimezone(UTC) > after:
            yield time.astimezone(UTC)


def _make_cron_expressions(rule: ScheduleRule) -> tuple[str, ...]:
    time = f"{rule.minute} {rule.hour}"
    if rule.frequency is Frequency.WEEKDAYS:
        return (f"{time} * * 1-5",)
    if rule.frequency is Frequency.WEEKLY:
        return (f"{time} * * {rule.day + 1}",)
    if rule.frequency is Frequency.DAILY:
        return (f"{time} * * *",)
    if rule.day == LAST_DAY:
        return (f"{time} L * *",)
    if rule.day > LAST_DAY_OF_EVERY_MONTH:
        return (f"{time} {rule.day} 1,3-12 *", f"{time} L 2 *")
    return (f"{time} {rule.day} * *",)
