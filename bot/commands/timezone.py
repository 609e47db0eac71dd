import re
from dataclasses import replace
from datetime import datetime, timedelta
from difflib import get_close_matches
from zoneinfo import available_timezones

from bot.commands.registry import Context, command
from bot.errors import Call, NotConnectedError, UsageError
from bot.formatting.locale import UserLocale, find_zone
from bot.formatting.zones import find_offset_of, find_places, format_offset_note
from bot.models import Reply
from bot.parsing import fold_dashes, parse_quoted

_OFFSET = re.compile(r"(?:utc|gmt)?([+-])(\d{1,2})(?::?(\d{2}))?")
_POSIX_OFFSET = re.compile(r"etc/gmt[+-]([1-9]\d?)")
_MAX_OFFSET_H = 14
_MAX_MINUTE = 59
# Shorter words are abbreviations: CEST is no misspelt EST.
_MIN_LENGTH_TO_GUESS = 5


@command(
    "timezone <name>", "timezone", examples=("timezone Europe/Lisbon", "timezone Tokyo"), rank=13
)
async def timezone(context: Context) -> Reply:
    """Set the time zone in which I show times; without a name, show it.

    Until you set one, I use the UTC offset that Rocket.Chat has for you, and read it again daily.
    A place follows daylight saving time, an offset such as "UTC+2" does not.
    """
    words = "_".join(parse_quoted(fold_dashes(context.words)).split())
    locale, now = context.locale, context.now
    if not words:
        shown = locale.text(
            "Your time zone is {zone}, where it is {time} now.",
            zone=locale.zone_name(),
            time=locale.clock(now),
        )
        return _with_note(shown, locale, now)
    name = _parse_offset(words, now) or _find_name(words, context)
    if context.account is None:
        raise NotConnectedError("I can store your time zone once you are connected.")
    await context.accounts.save_zone(context.asker.id, name)
    await context.schedules.move_to_zone(replace(context.account, zone=name))
    there = locale.in_zone(find_zone(name, None))
    shown = locale.text(
        "From now on your time zone is {zone}, where it is {time} now.",
        zone=there.zone_name(),
        time=there.clock(now),
    )
    return _with_note(shown, there, now)


def _with_note(shown: str, locale: UserLocale, now: datetime) -> Reply:
    return Reply("\n".join(filter(None, (shown, format_offset_note(locale, now)))))


def _parse_offset(words: str, now: datetime) -> str:
    """Return the zone that ``GMT+2`` means to people, two hours ahead; empty for another text.

    ``Etc/GMT+2`` is two hours behind, after POSIX; whether that is meant has to be asked.
    """
    plain = words.casefold().replace("_", "")
    posix = _POSIX_OFFSET.fullmatch(plain)
    if posix:
        raise UsageError(
            "{zone} can be read in two ways: {ahead} is ahead of Greenwich, {behind} is behind it.",
            zone=words,
            ahead=Call(f"timezone UTC+{posix[1]}"),
            behind=Call(f"timezone UTC-{posix[1]}"),
        )
    found = _OFFSET.fullmatch(plain)
    if found is None:
        return ""
    sign, hours, minutes = found[1], int(found[2]), int(found[3] or 0)
    if hours > _MAX_OFFSET_H or minutes > _MAX_MINUTE:
        raise UsageError(
            "There is no time zone {zone}. For example: {example}.",
            zone=words,
            example=Call("timezone Europe/Lisbon"),
        )
    # Names in Etc have POSIX's sign.
    name = f"Etc/GMT{'-' if sign == '+' else '+'}{hours}" if hours else "UTC"
    if minutes or name not in available_timezones():
        offset = timedelta(hours=hours, minutes=minutes) * (1 if sign == "+" else -1)
        places = tuple(Call(f"timezone {each}") for each in find_places(offset, now))
        raise UsageError(
            "The offset {zone} alone is not a time zone. Name a place: {places}.",
            zone=words,
            places=places,
        )
    return name


def _find_name(words: str, context: Context) -> str:
    known = {name.casefold(): name for name in available_timezones() if name != "localtime"}
    places = [name for name in sorted(known) if "/" in name and not name.startswith("etc/")]
    cities = {name.rpartition("/")[2]: name for name in places}
    wanted = words.casefold()
    found = known.get(wanted) or known.get(cities.get(wanted, ""))
    if found:
        return found
    near = get_close_matches(wanted, [*places, *cities], n=5, cutoff=0.6)
    for each in near if len(wanted) >= _MIN_LENGTH_TO_GUESS else ():
        nearest = known[cities.get(each, each)]
        if _is_near(nearest, context):
            raise UsageError(
                "There is no time zone {zone}. Did you mean {nearest}?",
                zone=words,
                nearest=Call(f"timezone {nearest}"),
            )
    raise UsageError(
        "There is no time zone {zone}. For example: {example}.",
        zone=words,
        example=Call("timezone Europe/Lisbon"),
    )


def _is_near(name: str, context: Context) -> bool:
    """Return whether it is about the same time there as at the person's, as far as is known."""
    account = context.account
    if account is None or (not account.zone and account.utc_offset is None):
        return False
    here = context.now.astimezone(context.locale.zone).utcoffset() or timedelta()
    # Daylight saving may be on in one of the two only.
    return abs(find_offset_of(name, context.now) - here) <= timedelta(hours=1)
