"""A report in words, and the plan of those to come."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from babel.dates import format_date

from bot.features.reports.timeline import format_timeline
from bot.features.sessions.device_names import format_device
from bot.features.sessions.devices import DeviceSessions, GoneDevice, Report
from bot.features.sessions.messages import format_name, format_origin
from bot.formatting.colours import Colour
from bot.formatting.locale import UserLocale
from bot.formatting.text import LINES_LIMIT, code, escape, utf16_length
from bot.models import Attachment, Fact, Reply

MOST_LINES: Final = 20


@dataclass(frozen=True, slots=True)
class ReportContext:
    """Why a report comes: ``due_at`` and what follows it, if the clock said so.

    ``skipped`` counts the reports before it that were not made; ``is_late`` is true where this
    one should have come long ago.
    """

    due_at: datetime
    next_at: datetime
    is_late: bool = False
    skipped: int = 0


def format_report(
    report: Report, locale: UserLocale, now: datetime, notes: Sequence[str] = ()
) -> Reply:
    """Say what changed, then list the devices with their numbers; the unusual ones first.

    ``notes`` are sentences about this report, which stand above the list.
    """
    lines = list(_list_lines(report, locale, now))
    kept = _keep_what_fits(lines)
    facts = (*kept, Fact(locale.text("What next?"), _advise(report, locale), is_short=False))
    if len(kept) < len(lines):
        facts = (*kept, _point_on(len(lines) - len(kept), locale), facts[-1])
    colour = Colour.AMBER if report.has_changes else Colour.BLUE
    if not report.devices and not report.gone:
        facts = ()
    return Reply(
        _format_headline(report, locale, now),
        Attachment(colour, text="\n".join(notes), facts=facts),
        format_timeline(report, locale, now),
    )


def format_time(moment: datetime, locale: UserLocale) -> str:
    """Write a time to come, as in ``Mon 23 Nov 2026, 09:00``."""
    weekday = format_date(moment.astimezone(locale.zone), "EEE", locale=locale.babel)
    return f"{weekday} {locale.day(moment)}, {locale.clock(moment)}"


def _format_headline(report: Report, locale: UserLocale, now: datetime) -> str:
    count = len(report.devices)
    if not report.has_changes:
        total = locale.plural(
            "Your report: {count} device is signed in as you",
            "Your report: {count} devices are signed in as you",
            count,
        )
        if report.since is None:
            return total
        ago = locale.ago(report.since, now)
        return locale.text(
            "{total}; nothing has changed since the last one ({ago})", total=total, ago=ago
        )
    parts = (
        locale.plural("{count} new device", "{count} new devices", len(report.new)),
        locale.plural("{count} changed", "{count} changed", len(report.changed)),
        locale.plural("{count} gone", "{count} gone", len(report.gone)),
        locale.plural("{count} in all", "{count} in all", count),
    )
    counts = (len(report.new), len(report.changed), len(report.gone), 1)
    said = ", ".join(part for part, number in zip(parts, counts, strict=True) if number)
    return locale.text("Your report: {changes}", changes=said)


def _list_lines(report: Report, locale: UserLocale, now: datetime) -> Iterator[Fact]:
    numbered = list(enumerate(report.devices, 1))
    first = report.new | report.changed.keys()
    for number, device in numbered:
        if number in report.new:
            mark = locale.text("NEW")
            yield _format_line(number, device, locale, format_origin(device, locale, now), mark)
    for number, before in report.changed.items():
        device = report.devices[number - 1]
        was = locale.text("was {device}", device=format_device(before, locale))
        origin = f"{was}, {format_origin(device, locale, now)}"
        yield _format_line(number, device, locale, origin, locale.text("CHANGED"))
    for gone in report.gone:
        yield _format_gone(gone, locale)
    rest = [each for each in numbered if each[0] not in first]
    for number, device in sorted(rest, key=lambda each: each[0] not in report.unusual):
        origin = format_origin(device, locale, now)
        seen_at = report.unusual.get(number)
        if seen_at:
            first_seen = locale.text("first seen {ago}", ago=locale.ago(seen_at, now))
            origin = f"{first_seen}, {origin}"
        yield _format_line(number, device, locale, origin)


def _format_line(
    number: int, device: DeviceSessions, locale: UserLocale, origin: str, mark: str = ""
) -> Fact:
    title = " · ".join(filter(None, (mark, str(number), format_name(device, locale))))
    if len(device.sessions) > 1:
        title += f" (×{len(device.sessions)})"  # noqa: RUF001 - read as "times"
    return Fact(title, origin, is_short=False)


def _format_gone(gone: GoneDevice, locale: UserLocale) -> Fact:
    look = format_device(gone.seen.device, locale)
    name = f"{escape(gone.name)}: {look}" if gone.name else look
    network = code(gone.seen.network)
    where = locale.text("was in {network}", network=network) if network else ""
    value = ", ".join(filter(None, (locale.text("signed in no more"), where)))
    return Fact(f"{locale.text('GONE')} · {name}", value, is_short=False)


def _keep_what_fits(lines: Sequence[Fact]) -> tuple[Fact, ...]:
    room, kept = LINES_LIMIT, 0
    for line in lines[:MOST_LINES]:
        room -= utf16_length(line.title) + utf16_length(line.value) + 2
        if room < 0:
            break
        kept += 1
    return tuple(lines[:kept])


def _point_on(left: int, locale: UserLocale) -> Fact:
    more = locale.plural("… and {count} more line", "… and {count} more lines", left)
    return Fact(more, locale.call("sessions"), is_short=False)


def _advise(report: Report, locale: UserLocale) -> str:
    if not report.devices:
        return locale.call("help")
    example = min(report.new or report.changed.keys() or report.unusual.keys() or {1})
    return locale.text(
        "{session} for more, {logout} to sign it out",
        session=locale.call(f"session {example}"),
        logout=locale.call(f"logout {example}"),
    )


def list_notes(occasion: ReportContext, locale: UserLocale) -> list[str]:
    """Say what there is to say about a report that comes because the clock said so."""
    notes = []
    if occasion.is_late:
        due = format_time(occasion.due_at, locale)
        notes.append(locale.text("This report is late: it was due {time}.", time=due))
    if occasion.skipped:
        skipped = locale.plural(
            "Before it, {count} report was skipped, because it could not be made in time.",
            "Before it, {count} reports were skipped, because they could not be made in time.",
            occasion.skipped,
        )
        notes.append(skipped)
    return [*notes, format_next(occasion.next_at, locale)]


def format_next(moment: datetime, locale: UserLocale) -> str:
    """Say when the next report comes."""
    return locale.text("The next one comes {time}.", time=format_time(moment, locale))
