"""A report as a timeline: when each device signed in, and whether it still is."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from bot.features.reports.comparison import GoneDevice, Report
from bot.features.sessions.device_names import format_device
from bot.features.sessions.devices import DeviceSessions
from bot.features.sessions.messages import format_title
from bot.formatting.locale import UserLocale
from bot.formatting.text import escape
from bot.models import RowKind, Session, Timeline, TimelineRow

DAYS: Final = 30
MIN_DEVICES: Final = 3
"""Fewer devices need no picture: the text says as much."""

MAX_DEVICES: Final = 9
_WEEK: Final = timedelta(days=7)
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class _Span:
    """Whole days in the person's zone; ``today`` is the midnight at which the last one began."""

    begin: datetime
    end: datetime
    today: datetime

    def place(self, moment: datetime) -> float:
        part = (moment - self.begin) / (self.end - self.begin)
        return round(min(max(part, 0.0), 1.0), 4)

    def has(self, moment: datetime) -> bool:
        return self.begin <= moment <= self.end


def format_timeline(report: Report, locale: UserLocale, now: datetime) -> Timeline | None:
    """Lay out the last 30 days; return None where the report's text says as much."""
    span = _find_span(locale, now)
    numbered = list(enumerate(report.devices, 1))
    dated = [each for each in numbered if any(s.logged_in_at for s in each[1].sessions)]
    if len(dated) < MIN_DEVICES:
        return None
    rows = [_lay_out(number, device, report, span, locale, now) for number, device in dated]
    rows.sort(key=lambda row: row.kind is not RowKind.NEW)
    rows += _lay_out_gone(report, span, locale)
    left = len(rows) - MAX_DEVICES
    more = (
        locale.plural("… and {count} more device", "… and {count} more devices", left)
        if left > 0
        else ""
    )
    caption = locale.text("Your devices in the last 30 days; each bar begins with a sign-in.")
    return Timeline(caption, tuple(rows[:MAX_DEVICES]), tuple(_list_ticks(span, locale)), more)


def _find_span(locale: UserLocale, now: datetime) -> _Span:
    today = now.astimezone(locale.zone).replace(hour=0, minute=0, second=0, microsecond=0)
    # Calendar days, then UTC: where clocks change, a day has 23 or 25 hours.
    begin, end = today - _DAY * (DAYS - 1), today + _DAY
    return _Span(begin.astimezone(UTC), end.astimezone(UTC), today)


def _lay_out(
    number: int,
    device: DeviceSessions,
    report: Report,
    span: _Span,
    locale: UserLocale,
    now: datetime,
) -> TimelineRow:
    is_new = number in report.new
    mark = f"{locale.text('NEW')} · " if is_new else ""
    begins = sorted(each.logged_in_at for each in device.sessions if each.logged_in_at)
    end = max(_find_end(each, now) for each in device.sessions)
    return TimelineRow(
        f"{mark}{number} · {format_title(device, locale)}",
        RowKind.NEW if is_new else RowKind.KNOWN,
        bars=((span.place(begins[0]), span.place(end)),),
        marks=tuple(span.place(begin) for begin in begins if span.has(begin)),
    )


def _find_end(session: Session, now: datetime) -> datetime:
    # A session without a recorded end, which the workspace still lists, is signed in now.
    return session.logged_out_at or session.closed_at or now


def _lay_out_gone(report: Report, span: _Span, locale: UserLocale) -> Iterator[TimelineRow]:
    for gone in report.gone:
        if gone.first_seen_at and gone.last_seen_at and span.has(gone.last_seen_at):
            bar = (span.place(gone.first_seen_at), span.place(gone.last_seen_at))
            label = f"{locale.text('GONE')} · {format_gone_name(gone, locale)}"
            yield TimelineRow(label, RowKind.GONE, bars=(bar,))


def format_gone_name(gone: GoneDevice, locale: UserLocale) -> str:
    """Name a device that is gone: the person's own name for it first, if there is one."""
    look = format_device(gone.snapshot.device, locale)
    return f"{escape(gone.name)}: {look}" if gone.name else look


def _list_ticks(span: _Span, locale: UserLocale) -> Iterator[tuple[float, str]]:
    for weeks in reversed(range(DAYS // 7 + 1)):
        day = span.today - _WEEK * weeks
        yield span.place(day), locale.short_day(day)
