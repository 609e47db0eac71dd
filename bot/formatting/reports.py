"""A report in words, and the plan of those to come."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from babel.dates import format_date

from bot.devices import DeviceSessions, GoneDevice, Report
from bot.formatting.devices import format_device
from bot.formatting.listing import format_name, format_origin
from bot.formatting.reader import Reader
from bot.formatting.sessions import Colour
from bot.formatting.text import LINES_LIMIT, code, neutralise, utf16_length
from bot.formatting.timelines import format_timeline
from bot.models import Attachment, Fact, Reply

MOST_LINES: Final = 20


@dataclass(frozen=True, slots=True)
class Occasion:
    """Why a report comes: ``due_at`` and what follows it, if the clock said so.

    ``skipped`` counts the reports before it that were not made; ``is_late`` is true where this
    one should have come long ago.
    """

    due_at: datetime
    next_at: datetime
    is_late: bool = False
    skipped: int = 0


def format_report(
    report: Report, reader: Reader, now: datetime, notes: Sequence[str] = ()
) -> Reply:
    """Say what changed, then list the devices with their numbers; the unusual ones first.

    ``notes`` are sentences about this report, which stand above the list.
    """
    lines = list(_list_lines(report, reader, now))
    kept = _keep_what_fits(lines)
    facts = (*kept, Fact(reader.text("What next?"), _advise(report, reader), is_short=False))
    if len(kept) < len(lines):
        facts = (*kept, _point_on(len(lines) - len(kept), reader), facts[-1])
    colour = Colour.AMBER if report.has_changes else Colour.BLUE
    if not report.devices and not report.gone:
        facts = ()
    return Reply(
        _format_headline(report, reader, now),
        Attachment(colour, text="\n".join(notes), facts=facts),
        format_timeline(report, reader, now),
    )


def format_time(moment: datetime, reader: Reader) -> str:
    """Write a time to come, as in ``Mon 23 Nov 2026, 09:00``."""
    weekday = format_date(moment.astimezone(reader.zone), "EEE", locale=reader.locale)
    return f"{weekday} {reader.day(moment)}, {reader.clock(moment)}"


def _format_headline(report: Report, reader: Reader, now: datetime) -> str:
    count = len(report.devices)
    if not report.has_changes:
        total = reader.plural(
            "Your report: {count} device is signed in as you",
            "Your report: {count} devices are signed in as you",
            count,
        )
        if report.since is None:
            return total
        ago = reader.ago(report.since, now)
        return reader.text(
            "{total}; nothing has changed since the last one ({ago})", total=total, ago=ago
        )
    parts = (
        reader.plural("{count} new device", "{count} new devices", len(report.new)),
        reader.plural("{count} changed", "{count} changed", len(report.changed)),
        reader.plural("{count} gone", "{count} gone", len(report.gone)),
        reader.plural("{count} in all", "{count} in all", count),
    )
    counts = (len(report.new), len(report.changed), len(report.gone), 1)
    said = ", ".join(part for part, number in zip(parts, counts, strict=True) if number)
    return reader.text("Your report: {changes}", changes=said)


def _list_lines(report: Report, reader: Reader, now: datetime) -> Iterator[Fact]:
    numbered = list(enumerate(report.devices, 1))
    first = report.new | report.changed.keys()
    for number, device in numbered:
        if number in report.new:
            mark = reader.text("NEW")
            yield _format_line(number, device, reader, format_origin(device, reader, now), mark)
    for number, before in report.changed.items():
        device = report.devices[number - 1]
        was = reader.text("was {device}", device=format_device(before, reader))
        origin = f"{was}, {format_origin(device, reader, now)}"
        yield _format_line(number, device, reader, origin, reader.text("CHANGED"))
    for gone in report.gone:
        yield _format_gone(gone, reader)
    rest = [each for each in numbered if each[0] not in first]
    for number, device in sorted(rest, key=lambda each: each[0] not in report.unusual):
        origin = format_origin(device, reader, now)
        seen_at = report.unusual.get(number)
        if seen_at:
            first_seen = reader.text("first seen {ago}", ago=reader.ago(seen_at, now))
            origin = f"{first_seen}, {origin}"
        yield _format_line(number, device, reader, origin)


def _format_line(
    number: int, device: DeviceSessions, reader: Reader, origin: str, mark: str = ""
) -> Fact:
    title = " · ".join(filter(None, (mark, str(number), format_name(device, reader))))
    if len(device.sessions) > 1:
        title += f" (×{len(device.sessions)})"  # noqa: RUF001 - read as "times"
    return Fact(title, origin, is_short=False)


def _format_gone(gone: GoneDevice, reader: Reader) -> Fact:
    look = format_device(gone.seen.device, reader)
    name = f"{neutralise(gone.name)}: {look}" if gone.name else look
    network = code(gone.seen.network)
    where = reader.text("was in {network}", network=network) if network else ""
    value = ", ".join(filter(None, (reader.text("signed in no more"), where)))
    return Fact(f"{reader.text('GONE')} · {name}", value, is_short=False)


def _keep_what_fits(lines: Sequence[Fact]) -> tuple[Fact, ...]:
    room, kept = LINES_LIMIT, 0
    for line in lines[:MOST_LINES]:
        room -= utf16_length(line.title) + utf16_length(line.value) + 2
        if room < 0:
            break
        kept += 1
    return tuple(lines[:kept])


def _point_on(left: int, reader: Reader) -> Fact:
    more = reader.plural("… and {count} more line", "… and {count} more lines", left)
    return Fact(more, reader.call("sessions"), is_short=False)


def _advise(report: Report, reader: Reader) -> str:
    if not report.devices:
        return reader.call("help")
    example = min(report.new or report.changed.keys() or report.unusual.keys() or {1})
    return reader.text(
        "{session} for more, {logout} to sign it out",
        session=reader.call(f"session {example}"),
        logout=reader.call(f"logout {example}"),
    )


def list_notes(occasion: Occasion, reader: Reader) -> list[str]:
    """Say what there is to say about a report that comes because the clock said so."""
    notes = []
    if occasion.is_late:
        due = format_time(occasion.due_at, reader)
        notes.append(reader.text("This report is late: it was due {time}.", time=due))
    if occasion.skipped:
        skipped = reader.plural(
            "Before it, {count} report was skipped, because it could not be made in time.",
            "Before it, {count} reports were skipped, because they could not be made in time.",
            occasion.skipped,
        )
        notes.append(skipped)
    return [*notes, format_next(occasion.next_at, reader)]


def format_next(moment: datetime, reader: Reader) -> str:
    """Say when the next report comes."""
    return reader.text("The next one comes {time}.", time=format_time(moment, reader))
