"""A person's locale: language, time zone, and how times are written."""

import gettext
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from functools import cache, lru_cache
from importlib.resources import files
from io import BytesIO
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_skeleton, format_time, format_timedelta

from bot.models import Button

ENGLISH: Final = "en"
LANGUAGES: Final = (ENGLISH, "de", "es", "fr", "pt_BR", "ru", "pl", "ja")
"""The languages that the bot speaks: all but English have a catalogue in ``bot/locales``."""

_PLACEHOLDER: Final = re.compile(r"(?<=[<\[])[a-z ]+(?=[>\]])")
_MAX_PLAIN_NUMBER: Final = 999
_UNITS: Final = (
    timedelta(days=365),
    timedelta(days=30),
    timedelta(days=7),
    timedelta(days=1),
    timedelta(hours=1),
    timedelta(minutes=1),
)


class UserLocale:
    """Translates texts and writes times for one person.

    ``language`` is a tag such as ``de-AT`` or ``pt-BR``. One that the bot does not speak is English
    throughout: dates of one language in sentences of another read badly.
    """

    def __init__(self, language: str = ENGLISH, zone: tzinfo = UTC, prefix: str = "!") -> None:
        self._language = language
        self._prefix = prefix
        self.babel: Final = _find_locale(language)
        self.zone: Final = zone
        self._catalogue = _load_catalogue(find_language(language))

    def text(self, template: str, **values: object) -> str:
        """Return the template in the person's language, its ``{names}`` filled."""
        return self.translate(template).format(**values)

    def translate(self, template: str) -> str:
        """Return the template in the person's language, its ``{names}`` to be filled."""
        return self._catalogue.gettext(template) if template else ""

    def plural(self, one: str, many: str, count: int, **values: object) -> str:
        """Return the singular or plural for ``count``, which fills ``{count}``."""
        found = self._catalogue.ngettext(one, many, count)
        return found.format(count=self.number(count), **values)

    def number(self, number: float) -> str:
        """Write a number, as in ``1,234`` or ``0.5``."""
        if isinstance(number, int) and abs(number) <= _MAX_PLAIN_NUMBER:
            return str(number)
        from babel.numbers import format_decimal  # noqa: PLC0415 - few replies need it

        return format_decimal(number, locale=self.babel)

    def join(self, parts: Iterable[str]) -> str:
        """Write a list, as in ``a, b, c``, without its empty parts."""
        return _find_separator(self._language).join(filter(None, parts))

    def day(self, moment: datetime) -> str:
        """Write a day, as in ``23 Nov 2026``."""
        return _format_day(moment.astimezone(self.zone).date(), self._language)

    def short_day(self, moment: datetime) -> str:
        """Write a day without its year, as in ``23 Nov``."""
        day = moment.astimezone(self.zone)
        if self.babel.language == ENGLISH:
            return format_date(day, "d MMM", locale=self.babel)
        return format_skeleton("MMMd", day.date(), locale=self.babel)

    def clock(self, moment: datetime) -> str:
        """Write the time of day, as in ``17:40``."""
        local = moment.astimezone(self.zone)
        return self.hour_and_minute(local.hour, local.minute)

    def hour_and_minute(self, hour: int, minute: int) -> str:
        """Write a time of day in whatever zone, as in ``17:40``."""
        if self.babel.language == ENGLISH:
            return f"{hour:02}:{minute:02}"
        return _format_clock(hour, minute, self._language)

    def moment(self, moment: datetime, now: datetime) -> str:
        """Write a time exactly and relatively: ``23 Nov 2026, 17:40 (3 hours ago)``."""
        return f"{self.time(moment)} ({self.ago(moment, now)})"

    def time(self, moment: datetime) -> str:
        """Write a time exactly: ``23 Nov 2026, 17:40``."""
        return _join_time(self.day(moment), self.clock(moment), self._language)

    def time_with_weekday(self, moment: datetime) -> str:
        """Write a time with its weekday: ``Mon 23 Nov 2026, 17:40``."""
        day = _format_weekday(moment.astimezone(self.zone).date(), self._language)
        return _join_time(day, self.clock(moment), self._language)

    def ago(self, moment: datetime, now: datetime) -> str:
        """Write how long ago something was: ``3 hours ago``, ``just now``."""
        passed = now - moment
        if abs(passed) < timedelta(minutes=1):
            return self.text("just now")
        # Whole units only: Babel would round three and a half years up to four.
        unit = next(unit for unit in _UNITS if abs(passed) >= unit)
        return _format_ago(unit * int(passed / unit), self._language)

    def call(self, words: str) -> str:
        """Show how to call a command, as code: ``!logout 2``, ``!logout <id or number>``."""
        shown = _PLACEHOLDER.sub(lambda found: self.text(found[0]), words)
        return f"`{self._prefix}{shown}`"

    def button(self, label: str, words: str) -> Button:
        """Return a button that calls a command; ``label`` is translated already."""
        return Button(label, f"{self._prefix}{words}")

    def country(self, code: str) -> str:
        """Name a country, given its ISO 3166 code: ``PT`` is Portugal."""
        return str(self.babel.territories.get(code, code))

    def choose(self, texts: Mapping[str, str]) -> str:
        """Return the text in the person's language, given texts by language; else the English one.

        Empty where there is neither.
        """
        language = self.babel.language
        keys = (f"{language}-{self.babel.territory}", language)
        also = (key for key in texts if key.partition("-")[0] == language)
        return next((texts[key] for key in (*keys, *also, ENGLISH) if key in texts), "")

    def in_zone(self, zone: tzinfo) -> "UserLocale":
        """Return the same locale in another time zone."""
        return UserLocale(self._language, zone, self._prefix)

    def zone_name(self) -> str:
        """Name the person's time zone: ``Europe/Lisbon``, ``UTC+01:00``."""
        # Names such as Etc/GMT-1 have the sign of POSIX, which people read the other way.
        offset = self.zone.utcoffset(None)
        return str(timezone(offset)) if offset else str(self.zone)


def find_zone(name: str, utc_offset: float | None) -> tzinfo:
    """Return the zone of that IANA name; without one, the fixed offset in hours; else UTC."""
    if name:
        try:
            return ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            return UTC
    if utc_offset is None or not -24 < utc_offset < 24:  # noqa: PLR2004 - timezone's limits
        return UTC
    return timezone(timedelta(hours=utc_offset)) if utc_offset else UTC


@lru_cache(maxsize=100)
def find_language(tag: str) -> str:
    """Return which of ``LANGUAGES`` serves ``de-AT``, ``pt`` or ``pt-BR``; empty for none."""
    wanted = tag.replace("-", "_").casefold()
    base = wanted.partition("_")[0]
    same = (each for each in LANGUAGES if each.casefold() == wanted)
    near = (each for each in LANGUAGES if each.partition("_")[0] == base)
    return next(same, "") or next(near, "")


@lru_cache(maxsize=100)
def _find_locale(language: str) -> Locale:
    # Rocket.Chat's codes are "en", "de", "de-IN", "pt-BR", "zh-TW" (its packages/i18n).
    codes = (language, language.partition("-")[0]) if find_language(language) else ()
    for code in codes:
        try:
            return Locale.parse(code, sep="-")
        except (ValueError, UnknownLocaleError):
            continue
    return Locale(ENGLISH)


# Cached: many replies repeat the same times, and Babel takes five times as long as a lookup.
@lru_cache(maxsize=2000)
def _format_day(day: date, language: str) -> str:
    locale = _find_locale(language)
    return format_date(day, "d MMM y" if locale.language == ENGLISH else "medium", locale=locale)


@lru_cache(maxsize=2000)
def _format_weekday(day: date, language: str) -> str:
    locale = _find_locale(language)
    if locale.language == ENGLISH:
        return format_date(day, "EEE d MMM y", locale=locale)
    return format_skeleton("yMMMEd", day, locale=locale)


def _join_time(day: str, clock: str, language: str) -> str:
    # Babel's pattern is "{1}, {0}", without the comma in Japanese.
    pattern = str(_find_locale(language).datetime_formats["medium"])
    return pattern.replace("{0}", clock).replace("{1}", day)


@lru_cache(maxsize=100)
def _find_separator(language: str) -> str:
    # Babel's pattern is "{0}, {1}", and "{0}、{1}" in Japanese.
    pattern = str(_find_locale(language).list_patterns["standard"]["middle"])
    return pattern.replace("{0}", "").replace("{1}", "")


@lru_cache(maxsize=3000)
def _format_clock(hour: int, minute: int, language: str) -> str:
    return format_time(time(hour, minute), "short", locale=_find_locale(language))


@lru_cache(maxsize=2000)
def _format_ago(whole: timedelta, language: str) -> str:
    return format_timedelta(-whole, add_direction=True, threshold=1, locale=_find_locale(language))


@cache
def _load_catalogue(language: str) -> gettext.NullTranslations:
    source = files("bot") / "locales" / language / "LC_MESSAGES" / "session_bot.po"
    if not source.is_file():
        return gettext.NullTranslations()
    # Imported here: not needed where everybody speaks English.
    from babel.messages.mofile import write_mo  # noqa: PLC0415 - see above
    from babel.messages.pofile import read_po  # noqa: PLC0415 - see above

    compiled = BytesIO()
    write_mo(compiled, read_po(BytesIO(source.read_bytes()), locale=language))
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)
