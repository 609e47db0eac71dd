"""The status report: what the bot did, in a message for its operator."""

from collections.abc import Iterable, Iterator
from math import inf
from typing import Final

from bot.features.reports.messages import format_next
from bot.features.status_report.stats import Stats, WorkspaceStatus
from bot.formatting.colours import Colour
from bot.formatting.locale import UserLocale
from bot.metrics import CommandOutcome, ReportOutcome
from bot.models import Attachment, Fact, Reply

_MINUTE_S: Final = 60


def format_status_report(stats: Stats, status: WorkspaceStatus, locale: UserLocale) -> Reply:
    """Say in the first line whether all is well, and the rest in short fields."""
    facts = (
        Fact(locale.text("Commands"), _format_commands(stats, locale)),
        Fact(locale.text("Answered"), _format_waits(stats, locale)),
        Fact(locale.text("Connected"), _format_connected(status, locale)),
        Fact(locale.text("Reports"), _format_reports(stats, locale)),
        Fact(locale.text("Alerts"), _format_alerts(stats, status, locale)),
        Fact(locale.text("Rate limit"), _format_rate_limit(stats, status, locale)),
        Fact(locale.text("Connection"), _format_connection(stats, locale)),
        Fact(locale.text("Version"), _format_version(stats, status, locale)),
    )
    text = format_next(status.next_at, locale)
    colour = Colour.AMBER if any(_list_troubles(stats, locale)) else Colour.GREEN
    return Reply(_format_headline(stats, locale), Attachment(colour, text=text, facts=facts))


def _format_headline(stats: Stats, locale: UserLocale) -> str:
    state = locale.join(_list_troubles(stats, locale)) or locale.text("All is well")
    work = locale.plural("{count} command", "{count} commands", stats.commands)
    time = locale.time_with_weekday(stats.since)
    return locale.text("{state}: {work} since {time}", state=state, work=work, time=time)


def _list_troubles(stats: Stats, locale: UserLocale) -> Iterator[str]:
    late = stats.count(ReportOutcome.LATE) + stats.count(ReportOutcome.SKIPPED)
    busy = stats.count(CommandOutcome.BUSY)
    for count, said in (
        (stats.failures, locale.plural("{count} failed", "{count} failed", stats.failures)),
        (busy, locale.plural("{count} told to try later", "{count} told to try later", busy)),
        (late, locale.plural("{count} report late", "{count} reports late", late)),
        (
            stats.sum("storage_failures"),
            locale.plural(
                "{count} database failure",
                "{count} database failures",
                stats.sum("storage_failures"),
            ),
        ),
    ):
        if count:
            yield said


def _format_commands(stats: Stats, locale: UserLocale) -> str:
    if not stats.commands:
        return locale.text("none")
    counts = (
        (stats.count(CommandOutcome.ANSWERED), locale.text("answered")),
        (stats.count(CommandOutcome.ASKED_TO_CONNECT), locale.text("asked to connect")),
        (stats.count(CommandOutcome.REFUSED), locale.text("not understood or not possible")),
        (stats.count(CommandOutcome.BUSY), locale.text("told to try again later")),
        (stats.failures, locale.text("failed")),
    )
    return _join_counts(counts, locale)


def _join_counts(counts: Iterable[tuple[int, str]], locale: UserLocale) -> str:
    """List counts with their words, as in ``3 answered, 1 failed``, without those that are 0."""
    return locale.join(f"{locale.number(count)} {word}" for count, word in counts if count)


def _format_waits(stats: Stats, locale: UserLocale) -> str:
    half, most = stats.find_wait(0.5), stats.find_wait(0.95)
    if half is None or most is None:
        return locale.text("nothing to answer")
    return locale.text(
        "half within {half}, 95 % within {most}",
        half=_format_seconds(half, locale),
        most=_format_seconds(most, locale),
    )


def _format_seconds(seconds: float, locale: UserLocale) -> str:
    if seconds == inf:
        return locale.text("more than 15 min")
    if seconds < _MINUTE_S:
        return locale.text("{count} s", count=locale.number(seconds))
    return locale.text("{count} min", count=locale.number(seconds / _MINUTE_S))


def _format_connected(status: WorkspaceStatus, locale: UserLocale) -> str:
    return locale.plural("{count} person", "{count} people", status.connected)


def _format_reports(stats: Stats, locale: UserLocale) -> str:
    counts = (
        (stats.count(ReportOutcome.ON_TIME), locale.text("on time")),
        (stats.count(ReportOutcome.UNCHANGED), locale.text("with nothing new")),
        (stats.count(ReportOutcome.LATE), locale.text("late")),
        (stats.count(ReportOutcome.SKIPPED), locale.text("skipped")),
        (stats.count(ReportOutcome.FAILED), locale.text("could not be made")),
    )
    return _join_counts(counts, locale) or locale.text("none were due")


def _format_alerts(stats: Stats, status: WorkspaceStatus, locale: UserLocale) -> str:
    sent = locale.plural("{count} sent", "{count} sent", stats.sum("alerts"))
    people = locale.plural("{count} person", "{count} people", status.watched)
    return locale.text("{sent}, on for {people}", sent=sent, people=people)


def _format_rate_limit(stats: Stats, status: WorkspaceStatus, locale: UserLocale) -> str:
    refused = stats.sum("rate_limited")
    said = (
        locale.plural("{count} call had to wait", "{count} calls had to wait", refused)
        if refused
        else locale.text("no call had to wait")
    )
    if status.limit is None:
        return said
    allowed = locale.text("{limit} calls a minute", limit=status.limit)
    return locale.join((allowed, said))


def _format_connection(stats: Stats, locale: UserLocale) -> str:
    losses = stats.sum("realtime_disconnects")
    if not losses:
        return locale.text("never lost")
    return locale.plural("lost once", "lost {count} times", losses)


def _format_version(stats: Stats, status: WorkspaceStatus, locale: UserLocale) -> str:
    versions = locale.text(
        "{own}, Rocket.Chat {theirs}", own=status.version, theirs=status.workspace_version
    )
    starts = stats.sum("starts")
    if not starts:
        return versions
    started = locale.plural("started once", "started {count} times", starts)
    return locale.join((versions, started))
