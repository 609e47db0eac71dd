"""Time zones that are only an offset from UTC, and the places that may be meant."""

from datetime import datetime, timedelta, timezone, tzinfo
from itertools import islice
from typing import Final
from zoneinfo import ZoneInfo

from bot.formatting.locale import UserLocale

_PLACES_SHOWN: Final = 3
_FIXED_NAMES: Final = frozenset({"EST", "HST", "MST"})
# For each offset the zones where most people live.
_PLACES: Final = """
Pacific/Honolulu America/Anchorage America/Los_Angeles America/Phoenix America/Denver
America/Chicago America/Mexico_City America/New_York America/Bogota America/Halifax
America/St_Johns America/Sao_Paulo America/Argentina/Buenos_Aires America/Noronha Atlantic/Azores
Europe/London Europe/Lisbon Africa/Abidjan Europe/Berlin Europe/Paris Africa/Lagos Europe/Athens
Africa/Cairo Africa/Johannesburg Europe/Istanbul Europe/Moscow Africa/Nairobi Asia/Tehran
Asia/Dubai Asia/Kabul Asia/Karachi Asia/Kolkata Asia/Kathmandu Asia/Dhaka Asia/Yangon
Asia/Bangkok Asia/Jakarta Asia/Shanghai Asia/Singapore Australia/Perth Asia/Tokyo Asia/Seoul
Australia/Darwin Australia/Adelaide Australia/Brisbane Australia/Sydney Pacific/Noumea
Pacific/Auckland Pacific/Chatham Pacific/Tongatapu Pacific/Kiritimati
""".split()  # noqa: SIM905 - a list of one name a line is not easier to read


def format_offset_note(locale: UserLocale, now: datetime) -> str:
    """Say that an offset does not follow daylight saving, and offer places; empty for a place."""
    if not _is_offset(locale.zone):
        return ""
    offset = now.astimezone(locale.zone).utcoffset() or timedelta()
    places = locale.join(locale.call(f"timezone {each}") for each in find_places(offset, now))
    return locale.text(
        "An offset does not follow daylight saving time by itself. A place does: {places}.",
        places=places,
    )


def find_places(offset: timedelta, now: datetime) -> list[str]:
    """Return up to three zones that have this offset now; never none."""
    fitting = (each for each in _PLACES if find_offset_of(each, now) == offset)
    return list(islice(fitting, _PLACES_SHOWN)) or ["Europe/Lisbon"]


def find_offset_of(name: str, now: datetime) -> timedelta:
    """Return the offset that a zone has now; ``name`` is one that exists."""
    return now.astimezone(ZoneInfo(name)).utcoffset() or timedelta()


def _is_offset(zone: tzinfo) -> bool:
    if isinstance(zone, timezone):
        return True
    # Without a time, only a zone that never changes has an offset. Who names UTC wants it.
    return str(zone) in _FIXED_NAMES or bool(zone.utcoffset(None))
