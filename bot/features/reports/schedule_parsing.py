"""What people type as a schedule or a pause. Pure."""

import re
import unicodedata
from datetime import timedelta
from difflib import get_close_matches
from typing import Final

from bot.errors import Call, UsageError
from bot.features.reports.schedule_rules import LAST_DAY, WEEKDAYS, Frequency, ScheduleRule

_FILLERS: Final = {"at", "on", "the", "every", "of", "month", "day"}
_TIME: Final = re.compile(r"(\d{1,2})(?:[:.h](\d{2}))?(am|pm)?|(\d{2})(\d{2})")
_MONTHDAY: Final = re.compile(r"(\d{1,2})(?:st|nd|rd|th|\.)?|last")
_LENGTH: Final = re.compile(r"(\d{1,3})(h|d|w|hours?|days?|weeks?)")
_UNITS: Final = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
MAX_PAUSE: Final = timedelta(days=366)
_NOON: Final = 12
_MIN_WEEKDAY_LENGTH: Final = 2

_EXAMPLES: Final = {
    Frequency.DAILY: Call("report daily 09:00"),
    Frequency.WEEKDAYS: Call("report weekdays 08:30"),
    Frequency.WEEKLY: Call("report weekly mon 09:00"),
    Frequency.MONTHLY: Call("report monthly 1 09:00"),
}


def parse_schedule_rule(words: str) -> ScheduleRule:
    """Read ``daily 09:00``, ``weekly mon 9``, ``monthly 31 9.30pm``; raise UsageError."""
    first, *rest = _split(words) or [""]
    frequency = _parse_frequency(first)
    day = 0
    if frequency in {Frequency.WEEKLY, Frequency.MONTHLY}:
        parse_day = _parse_weekday if frequency is Frequency.WEEKLY else _parse_monthday
        day = parse_day(rest[0] if rest else "", "".join(rest[1:]))
        rest = rest[1:]
    hour, minute = _parse_time("".join(rest), frequency)
    return ScheduleRule(frequency, hour, minute, day)


def parse_pause(words: str) -> timedelta:
    """Read a length such as ``12h``, ``3 d`` or ``2 weeks``; raise UsageError."""
    plain = "".join(_normalise(words))
    example = Call("report pause 2w")
    if not plain:
        raise UsageError("For how long? For example: {example}.", example=example)
    found = _LENGTH.fullmatch(plain)
    length = int(found[1]) * _UNITS[found[2][0]] if found else timedelta()
    if not timedelta() < length <= MAX_PAUSE:
        raise UsageError(
            "A pause cannot be {length} long: write hours, days or weeks, and at most a year. "
            "For example: {example}.",
            length=plain,
            example=example,
        )
    return length


def _split(words: str) -> list[str]:
    return [word for word in _normalise(words) if word not in _FILLERS]


def _normalise(words: str) -> list[str]:
    plain = unicodedata.normalize("NFKC", words).casefold()
    return list(filter(None, (word.strip(",;\"'`") for word in plain.split())))


def _parse_frequency(word: str) -> Frequency:
    names = [each.value for each in Frequency]
    if word in names:
        return Frequency(word)
    near = get_close_matches(word, [*names, "weekday"], n=1, cutoff=0.6)
    if near:
        frequency = Frequency.WEEKDAYS if near[0] == "weekday" else Frequency(near[0])
        raise UsageError(
            "I don't know the schedule {word}. Did you mean {nearest}?",
            word=word,
            nearest=_EXAMPLES[frequency],
        )
    raise UsageError(
        "I don't know the schedule {word}. Examples: {examples}.",
        word=word,
        examples=tuple(_EXAMPLES.values()),
    )


def _parse_weekday(word: str, time: str) -> int:
    bare = word.rstrip(".")
    for number, name in enumerate(WEEKDAYS):
        if len(bare) >= _MIN_WEEKDAY_LENGTH and f"{name}s".startswith(bare):
            return number
    near = get_close_matches(bare, WEEKDAYS, n=1, cutoff=0.5)
    if near:
        example = Call(f"report weekly {near[0][:3]} {time or '09:00'}")
        raise UsageError(
            "There is no day {word}. Did you mean {nearest}?", word=word, nearest=example
        )
    example = _EXAMPLES[Frequency.WEEKLY]
    if not word or _TIME.fullmatch(word):
        raise UsageError("On which day of the week? For example: {example}.", example=example)
    raise UsageError(
        "{word} is not a day of the week. For example: {example}.", word=word, example=example
    )


def _parse_monthday(word: str, time: str) -> int:
    example = _EXAMPLES[Frequency.MONTHLY]
    # Without a time after it, the number is the time, and the day is missing.
    if not word or (not time and _TIME.fullmatch(word)):
        raise UsageError(
            "On which day of the month, 1 to 31, and at what time? For example: {example}.",
            example=example,
        )
    found = _MONTHDAY.fullmatch(word)
    day = int(found[1] or LAST_DAY) if found else 0
    if not 1 <= day <= LAST_DAY:
        raise UsageError(
            "{word} is not a day of the month: those are 1 to 31. For example: {example}.",
            word=word,
            example=example,
        )
    return day


def _parse_time(text: str, frequency: Frequency) -> tuple[int, int]:
    example = _EXAMPLES[frequency]
    if not text:
        raise UsageError("At what time of day? For example: {example}.", example=example)
    found = _TIME.fullmatch(text.replace("a.m.", "am").replace("p.m.", "pm"))
    hour, minute = _read_time(found) if found else (-1, 0)
    if not (0 <= hour < 24 and 0 <= minute < 60):  # noqa: PLR2004 - a day's hours, an hour's minutes
        raise UsageError(
            "{word} is not a time of day. For example: {example}.", word=text, example=example
        )
    return hour, minute


def _read_time(found: re.Match[str]) -> tuple[int, int]:
    hour, minute = int(found[1] or found[4]), int(found[2] or found[5] or 0)
    half = found[3]
    if not half:
        return hour, minute
    if not 1 <= hour <= _NOON:
        return -1, minute
    return hour % _NOON + (_NOON if half == "pm" else 0), minute
