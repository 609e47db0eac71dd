"""A report in a message."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from bot.features.reports.comparison import GoneDevice, Report
from bot.features.reports.timeline import format_gone_name, format_timeline
from bot.features.sessions.device_names import format_device
from bot.features.sessions.messages import (
    format_advice,
    format_device_line,
    format_line,
    format_omitted,
)
from bot.formatting.colours import Colour
from bot.formatting.locale import UserLocale
from bot.formatting.text import LINES_LIMIT, code, utf16_length
from bot.models import Attachment, Fact, Reply

MAX_LINES: Final = 20
_PAUSE: Final = "report pause 2w"


def format_report(
    report: Report,
    locale: UserLocale,
    now: datetime,
    notes: Sequence[str] = (),
    *,
    is_scheduled: bool = False,
) -> Reply:
    """Say what changed, then list the devices: first those with a mark that says why.

    ``notes`` are translated sentences, shown above the list. ``is_scheduled`` where more reports
    are to come.
    """
    lines = list(_list_lines(report, locale, now))
    facts = _cut_lines(lines)
    left = len(lines) - len(facts)
    advice = _advise(report, locale)
    buttons = []
    if is_scheduled:
        advice = f"{advice}\n{format_pause(locale)}"
        buttons.append(locale.button(locale.text("Pause for 2 weeks"), _PAUSE))
    if left:
        facts.append(format_omitted(left, "sessions", locale))
        buttons.append(locale.button(locale.text("More"), "sessions"))
    if facts:
        facts.append(Fact(locale.text("What next?"), advice, is_short=False))
    colour = Colour.AMBER if report.has_changes else Colour.BLUE
    return Reply(
        _format_headline(report, locale, now),
        Attachment(colour, text="\n".join(notes), facts=tuple(facts)),
        format_timeline(report, locale, now),
        (tuple(buttons),) if buttons else (),
    )


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
    said = locale.join(part for part, number in zip(parts, counts, strict=True) if number)
    return locale.text("Your report: {changes}", changes=said)


def _list_lines(report: Report, locale: UserLocale, now: datetime) -> Iterator[Fact]:
    numbered = list(enumerate(report.devices, 1))
    first = report.new | report.changed.keys()
    for number, device in numbered:
        if number in report.new:
            yield format_device_line(number, device, locale, now, mark=locale.text("NEW"))
    for number, before in report.changed.items():
        device = report.devices[number - 1]
        mark = locale.text("CHANGED")
        was = locale.text("was {device}", device=format_device(before, locale))
        yield format_device_line(number, device, locale, now, mark=mark, note=was)
    for gone in report.gone:
        yield _format_gone(gone, locale)
    rest = [each for each in numbered if each[0] not in first]
    for number, device in sorted(rest, key=lambda each: each[0] not in report.unusual):
        seen_at = report.unusual.get(number)
        note = locale.text("first seen {ago}", ago=locale.ago(seen_at, now)) if seen_at else ""
        mark = locale.text("UNUSUAL") if number in report.unusual else ""
        yield format_device_line(number, device, locale, now, mark=mark, note=note)


def _format_gone(gone: GoneDevice, locale: UserLocale) -> Fact:
    network = code(gone.snapshot.network)
    where = locale.text("was in {network}", network=network) if network else ""
    value = locale.join((locale.text("no longer signed in"), where))
    return format_line(locale.text("GONE"), format_gone_name(gone, locale), value)


def _cut_lines(lines: Sequence[Fact]) -> list[Fact]:
    room, kept = LINES_LIMIT, 0
    for line in lines[:MAX_LINES]:
        room -= utf16_length(line.title) + utf16_length(line.value) + 2
        if room < 0:
            break
        kept += 1
    return list(lines[:kept])


def _advise(report: Report, locale: UserLocale) -> str:
    if not report.devices:
        return locale.call("help")
    example = min(report.new or report.changed.keys() or report.unusual.keys() or {1})
    return format_advice(example, locale)


def list_notes(
    locale: UserLocale, *, late_since: datetime | None, skipped: int, next_at: datetime
) -> list[str]:
    """Return the notes on a scheduled report.

    ``late_since`` is when it was due, where that is long ago; ``skipped`` counts the reports before
    it that were not made.
    """
    notes = []
    if late_since:
        due = locale.time_with_weekday(late_since)
        notes.append(locale.text("This report is late: it was due {time}.", time=due))
    if skipped:
        notes.append(
            locale.plural(
                "Before it, {count} report was skipped, because it could not be made in time.",
                "Before it, {count} reports were skipped, because they could not be made in time.",
                skipped,
            )
        )
    return [*notes, format_next(next_at, locale)]


def format_pause(locale: UserLocale) -> str:
    """Say how to leave reports out for a while."""
    return locale.text("{command}: no reports for two weeks", command=locale.call(_PAUSE))


def format_next(moment: datetime, locale: UserLocale) -> str:
    """Say when the next report comes."""
    return locale.text("The next one comes {time}.", time=locale.time_with_weekday(moment))
