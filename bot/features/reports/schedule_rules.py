"""When something is due: what people type, and the times that follow from it. Pure.

Over a change of the clocks the rules are Debian cron's: a time that does not exist that night is
the first minute that does, and one that exists twice is the first of the two. A day that a month
does not have is its last one.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from difflib import get_close_matches
from enum import StrEnum
from hashlib import sha256
from itertools import islice
from typing import Final

from cronsim import CronSim

from bot.errors import Call, UsageError

SPREAD: Final = timedelta(minutes=5)
"""Not everybody's report can be made in the same second; each has its own place in this window."""

DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_FILLERS: Final = {"at", "on", "the", "every", "of", "month", "day"}
_TIME: Final = re.compile(r"(\d{1,2})(?:[:.h](\d{2}))?(am|pm)?|(\d{2})(\d{2})")
_MONTHDAY: Final = re.compile(r"(\d{1,2})(?:st|nd|rd|th|\.)?|last")
_LENGTH: Final = re.compile(r"(\d{1,3})(h|d|w|hours?|days?|weeks?)")
_UNITS: Final = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
_MAX_PAUSE: Final = timedelta(days=366)
_LAST: Final = 31
LAST_OF_EVERY_MONTH: Final = 28
"""The last day that every month has."""

_NOON: Final = 12
_SHORTEST_DAY: Final = 2


class Frequency(StrEnum):
    """How often something is due."""

    DAILY = "daily"
    WEEKDAYS = "weekdays"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


_EXAMPLES: Final = {
    Frequency.DAILY: Call("report daily 09:00"),
    Frequency.WEEKDAYS: Call("report weekdays 08:30"),
    Frequency.WEEKLY: Call("report weekly mon 09:00"),
    Frequency.MONTHLY: Call("report monthly 1 09:00"),
}


@dataclass(frozen=True, slots=True)
class ScheduleRule:
    """A time of day and the days it is meant for.

    ``day`` is 0 (Monday) to 6 where the form is weekly, and 1 to 31 where it is monthly. As text
    it is what ``parse_timetable`` reads: ``weekly mon 09:00``.
    """

    form: Frequency
    hour: int
    minute: int
    day: int = 0

    def __str__(self) -> str:
        day = {Frequency.WEEKLY: DAYS[self.day % 7][:3], Frequency.MONTHLY: str(self.day)}.get(
            self.form, ""
        )
        return " ".join(filter(None, (self.form, day, f"{self.hour:02}:{self.minute:02}")))


@dataclass(frozen=True, slots=True)
class NewSchedule:
    """A timetable as one person keeps it, with the times that come next, in UTC."""

    timetable: ScheduleRule
    times: tuple[datetime, ...]
    is_only_changes: bool = False
    paused_until: datetime | None = None


def parse_timetable(words: str) -> ScheduleRule:
    """Read ``daily 09:00``, ``weekly mon 9``, ``monthly 31 9.30pm``; raise UsageError."""
    first, *rest = _split(words) or [""]
    form = _parse_form(first)
    day = 0
    if form in {Frequency.WEEKLY, Frequency.MONTHLY}:
        parse_day = _parse_weekday if form is Frequency.WEEKLY else _parse_monthday
        day = parse_day(rest[0] if rest else "", "".join(rest[1:]))
        rest = rest[1:]
    hour, minute = _parse_time("".join(rest), form)
    return ScheduleRule(form, hour, minute, day)


def parse_pause(words: str) -> timedelta:
    """Read a length such as ``12h``, ``3 d`` or ``2 weeks``; raise UsageError."""
    found = _LENGTH.fullmatch("".join(_normalise(words)))
    length = int(found[1]) * _UNITS[found[2][0]] if found else timedelta()
    if not timedelta() < length <= _MAX_PAUSE:
        raise UsageError(
            "Pause for how long? In hours, days or weeks and at most a year, as in {example}.",
            example=Call("report pause 2w"),
        )
    return length


def list_times(timetable: ScheduleRule, zone: tzinfo, after: datetime) -> Iterator[datetime]:
    """Return the times that follow ``after``, in UTC and without an end."""
    turns = [_follow(expression, zone, after) for expression in _write_as_cron(timetable)]
    ahead = [next(turn) for turn in turns]
    while True:
        soonest = min(ahead)
        yield soonest
        ahead = [
            next(turn) if time == soonest else time for turn, time in zip(turns, ahead, strict=True)
        ]


def find_next(timetable: ScheduleRule, zone: tzinfo, after: datetime) -> datetime:
    """Return the first time after ``after``, in UTC."""
    return next(list_times(timetable, zone, after))


def list_next(timetable: ScheduleRule, zone: tzinfo, after: datetime, count: int) -> list[datetime]:
    """Return the next ``count`` times after ``after``, in UTC."""
    return list(islice(list_times(timetable, zone, after), count))


def find_place(user_id: str) -> timedelta:
    """Return the user's own place inside ``SPREAD``: always the same one, in whole seconds."""
    number = int.from_bytes(sha256(user_id.encode()).digest()[:8])
    return timedelta(seconds=number % int(SPREAD.total_seconds()))


def _follow(expression: str, zone: tzinfo, after: datetime) -> Iterator[datetime]:
    # CronSim counts on the wall's clock, so in an hour that comes twice it may give the first
    # of the two while the second is running.
    for time in CronSim(expression, after.astimezone(zone)):
        if time.astimezone(UTC) > after:
            yield time.astimezone(UTC)


def _write_as_cron(timetable: ScheduleRule) -> tuple[str, ...]:
    time = f"{timetable.minute} {timetable.hour}"
    if timetable.form is Frequency.WEEKDAYS:
        return (f"{time} * * 1-5",)
    if timetable.form is Frequency.WEEKLY:
        return (f"{time} * * {timetable.day + 1}",)
    if timetable.form is Frequency.DAILY:
        return (f"{time} * * *",)
    if timetable.day == _LAST:
        return (f"{time} L * *",)
    if timetable.day > LAST_OF_EVERY_MONTH:
        return (f"{time} {timetable.day} 1,3-12 *", f"{time} L 2 *")
    return (f"{time} {timetable.day} * *",)


def _split(words: str) -> list[str]:
    return [word for word in _normalise(words) if word not in _FILLERS]


def _normalise(words: str) -> list[str]:
    plain = unicodedata.normalize("NFKC", words).casefold()
    return list(filter(None, (word.strip(",;\"'`") for word in plain.split())))


def _parse_form(word: str) -> Frequency:
    names = [form.value for form in Frequency]
    if word in names:
        return Frequency(word)
    near = get_close_matches(word, [*names, "weekday"], n=1, cutoff=0.6)
    if near:
        form = Frequency.WEEKDAYS if near[0] == "weekday" else Frequency(near[0])
        raise UsageError(
            "I don't know the schedule {word}. Did you mean {nearest}?",
            word=word,
            nearest=_EXAMPLES[form],
        )
    raise UsageError(
        "I don't know the schedule {word}. What I know looks like {examples}.",
        word=word,
        examples=tuple(_EXAMPLES.values()),
    )


def _parse_weekday(word: str, time: str) -> int:
    bare = word.rstrip(".")
    for number, name in enumerate(DAYS):
        if len(bare) >= _SHORTEST_DAY and f"{name}s".startswith(bare):
            return number
    near = get_close_matches(bare, DAYS, n=1, cutoff=0.5)
    if near:
        example = Call(f"report weekly {near[0][:3]} {time or '09:00'}")
        raise UsageError(
            "There is no day {word}. Did you mean {nearest}?", word=word, nearest=example
        )
    raise UsageError(
        "On which day of the week? As in {example}.", example=_EXAMPLES[Frequency.WEEKLY]
    )


def _parse_monthday(word: str, time: str) -> int:
    found = _MONTHDAY.fullmatch(word)
    day = int(found[1] or _LAST) if found else 0
    # Without a time after it, the number was the time and the day is missing.
    if not 1 <= day <= _LAST or not time:
        raise UsageError(
            "On which day of the month, 1 to 31, and at what time? As in {example}.",
            example=_EXAMPLES[Frequency.MONTHLY],
        )
    return day


def _parse_time(text: str, form: Frequency) -> tuple[int, int]:
    found = _TIME.fullmatch(text.replace("a.m.", "am").replace("p.m.", "pm"))
    hour, minute = _read_time(found) if found else (-1, 0)
    if not (0 <= hour < 24 and 0 <= minute < 60):  # noqa: PLR2004 - a day's hours, an hour's minutes
        raise UsageError("At what time of day? As in {example}.", example=_EXAMPLES[form])
    return hour, minute


def _read_time(found: re.Match[str]) -> tuple[int, int]:
    hour, minute = int(found[1] or found[4]), int(found[2] or found[5] or 0)
    half = found[3]
    if not half:
        return hour, minute
    if not 1 <= hour <= _NOON:
        return -1, minute
    return hour % _NOON + (_NOON if half == "pm" else 0), minute
