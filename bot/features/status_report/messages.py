"""The bot's report about itself, in words for its operator."""

from collections.abc import Iterator
from math import inf
from typing import Final

from bot.features.reports.messages import format_next, format_time
from bot.features.status_report.stats import Stats, WorkspaceStatus
from bot.formatting.colours import Colour
from bot.formatting.locale import UserLocale
from bot.metrics import CommandOutcome, ReportOutcome
from bot.models import Attachment, Fact, Reply

_HALF: Final = 0.5
_NEARLY_ALL: Final = 0.95
_MINUTE: Final = 60


def format_status_report(figures: Stats, standing: WorkspaceStatus, locale: UserLocale) -> Reply:
    """Say in the first line whether all is well, and the rest in short fields."""
    facts = (
        Fact(locale.text("Commands"), _format_commands(figures, locale)),
        Fact(locale.text("Answered"), _format_waits(figures, locale)),
        Fact(locale.text("Connected"), _format_people(standing, locale)),
        Fact(locale.text("Reports"), _format_reports(figures, locale)),
        Fact(locale.text("Alerts"), _format_alerts(figures, standing, locale)),
        Fact(locale.text("Rate limit"), _format_limit(figures, standing, locale)),
        Fact(locale.text("Connection"), _format_link(figures, locale)),
        Fact(locale.text("Version"), _format_version(figures, standing, locale)),
    )
    text = format_next(standing.next_at, locale)
    colour = Colour.AMBER if any(_list_troubles(figures, locale)) else Colour.GREEN
    return Reply(_format_headline(figures, locale), Attachment(colour, text=text, facts=facts))


def _format_headline(figures: Stats, locale: UserLocale) -> str:
    state = ", ".join(_list_troubles(figures, locale)) or locale.text("All is well")
    work = locale.plural("{count} command", "{count} commands", figures.commands)
    time = format_time(figures.since, locale)
    return locale.text("{state}: {work} since {time}", state=state, work=work, time=time)


def _list_troubles(figures: Stats, locale: UserLocale) -> Iterator[str]:
    late = figures.count(ReportOutcome.LATE) + figures.count(ReportOutcome.SKIPPED)
    busy = figures.count(CommandOutcome.BUSY)
    for count, said in (
        (figures.failures, locale.plural("{count} failed", "{count} failed", figures.failures)),
        (busy, locale.plural("{count} sent away", "{count} sent away", busy)),
        (late, locale.plural("{count} report late", "{count} reports late", late)),
        (
            figures.sum("storage_failures"),
            locale.plural(
                "{count} database failure",
                "{count} database failures",
                figures.sum("storage_failures"),
            ),
        ),
    ):
        if count:
            yield said


def _format_commands(figures: Stats, locale: UserLocale) -> str:
    if not figures.commands:
        return locale.text("none")
    counts = (
        (figures.count(CommandOutcome.ANSWERED), locale.text("answered")),
        (figures.count(CommandOutcome.ASKED_TO_CONNECT), locale.text("asked to connect")),
        (figures.count(CommandOutcome.REFUSED), locale.text("not understood or not possible")),
        (figures.count(CommandOutcome.BUSY), locale.text("sent away until later")),
        (figures.failures, locale.text("failed")),
    )
    return ", ".join(f"{count} {word}" for count, word in counts if count)


def _format_waits(figures: Stats, locale: UserLocale) -> str:
    half, most = figures.find_wait(_HALF), figures.find_wait(_NEARLY_ALL)
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
    if seconds < _MINUTE:
        return locale.text("{count} s", count=f"{seconds:g}")
    return locale.text("{count} min", count=f"{seconds / _MINUTE:g}")


def _format_people(standing: WorkspaceStatus, locale: UserLocale) -> str:
    return locale.plural("{count} person", "{count} people", standing.connected)


def _format_reports(figures: Stats, locale: UserLocale) -> str:
    counts = (
        (figures.count(ReportOutcome.ON_TIME), locale.text("on time")),
        (figures.count(ReportOutcome.UNCHANGED), locale.text("with nothing new")),
        (figures.count(ReportOutcome.LATE), locale.text("late")),
        (figures.count(ReportOutcome.SKIPPED), locale.text("skipped")),
        (figures.count(ReportOutcome.FAILED), locale.text("could not be made")),
    )
    said = [f"{count} {word}" for count, word in counts if count]
    return ", ".join(said) or locale.text("none were due")


def _format_alerts(figures: Stats, standing: WorkspaceStatus, locale: UserLocale) -> str:
    sent = locale.plural("{count} sent", "{count} sent", figures.sum("alerts"))
    people = locale.plural("{count} person", "{count} people", standing.watched)
    return locale.text("{sent}, on for {people}", sent=sent, people=people)


def _format_limit(figures: Stats, standing: WorkspaceStatus, locale: UserLocale) -> str:
    refused = figures.sum("rate_limited")
    said = (
        locale.plural("{count} call was put off", "{count} calls were put off", refused)
        if refused
        else locale.text("no call was refused")
    )
    if standing.limit is None:
        return said
    allowed = locale.text("{limit} calls a minute", limit=standing.limit)
    return f"{allowed}, {said}"


def _format_link(figures: Stats, locale: UserLocale) -> str:
    losses = figures.sum("realtime_disconnects")
    if not losses:
        return locale.text("never lost")
    return locale.plural("lost once", "lost {count} times", losses)


def _format_version(figures: Stats, standing: WorkspaceStatus, locale: UserLocale) -> str:
    versions = locale.text(
        "{own}, Rocket.Chat {theirs}", own=standing.version, theirs=standing.workspace_version
    )
    starts = figures.sum("starts")
    if not starts:
        return versions
    return f"{versions}, " + locale.plural("started once", "started {count} times", starts)
