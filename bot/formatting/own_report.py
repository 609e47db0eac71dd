"""The bot's report about itself, in words for its operator."""

from collections.abc import Iterator
from math import inf
from typing import Final

from bot.figures import Figures, Standing
from bot.formatting.reader import Reader
from bot.formatting.reports import format_next, format_time
from bot.formatting.sessions import Colour
from bot.metrics import Due, Outcome
from bot.models import Attachment, Fact, Reply

_HALF: Final = 0.5
_NEARLY_ALL: Final = 0.95
_MINUTE: Final = 60


def format_own_report(figures: Figures, standing: Standing, reader: Reader) -> Reply:
    """Say in the first line whether all is well, and the rest in short fields."""
    facts = (
        Fact(reader.text("Commands"), _format_commands(figures, reader)),
        Fact(reader.text("Answered"), _format_waits(figures, reader)),
        Fact(reader.text("Connected"), _format_people(standing, reader)),
        Fact(reader.text("Reports"), _format_reports(figures, reader)),
        Fact(reader.text("Alerts"), _format_alerts(figures, standing, reader)),
        Fact(reader.text("Rate limit"), _format_limit(figures, standing, reader)),
        Fact(reader.text("Connection"), _format_link(figures, reader)),
        Fact(reader.text("Version"), _format_version(figures, standing, reader)),
    )
    text = format_next(standing.next_at, reader)
    colour = Colour.AMBER if any(_list_troubles(figures, reader)) else Colour.GREEN
    return Reply(_format_headline(figures, reader), Attachment(colour, text=text, facts=facts))


def _format_headline(figures: Figures, reader: Reader) -> str:
    state = ", ".join(_list_troubles(figures, reader)) or reader.text("All is well")
    work = reader.plural("{count} command", "{count} commands", figures.commands)
    time = format_time(figures.since, reader)
    return reader.text("{state}: {work} since {time}", state=state, work=work, time=time)


def _list_troubles(figures: Figures, reader: Reader) -> Iterator[str]:
    late = figures.count(Due.LATE) + figures.count(Due.SKIPPED)
    busy = figures.count(Outcome.BUSY)
    for count, said in (
        (figures.failures, reader.plural("{count} failed", "{count} failed", figures.failures)),
        (busy, reader.plural("{count} sent away", "{count} sent away", busy)),
        (late, reader.plural("{count} report late", "{count} reports late", late)),
        (
            figures.sum("storage"),
            reader.plural(
                "{count} database failure", "{count} database failures", figures.sum("storage")
            ),
        ),
    ):
        if count:
            yield said


def _format_commands(figures: Figures, reader: Reader) -> str:
    if not figures.commands:
        return reader.text("none")
    counts = (
        (figures.count(Outcome.ANSWERED), reader.text("answered")),
        (figures.count(Outcome.CONNECT), reader.text("asked to connect")),
        (figures.count(Outcome.REFUSED), reader.text("not understood or not possible")),
        (figures.count(Outcome.BUSY), reader.text("sent away until later")),
        (figures.failures, reader.text("failed")),
    )
    return ", ".join(f"{count} {word}" for count, word in counts if count)


def _format_waits(figures: Figures, reader: Reader) -> str:
    half, most = figures.find_wait(_HALF), figures.find_wait(_NEARLY_ALL)
    if half is None or most is None:
        return reader.text("nothing to answer")
    return reader.text(
        "half within {half}, 95 % within {most}",
        half=_format_seconds(half, reader),
        most=_format_seconds(most, reader),
    )


def _format_seconds(seconds: float, reader: Reader) -> str:
    if seconds == inf:
        return reader.text("more than 15 min")
    if seconds < _MINUTE:
        return reader.text("{count} s", count=f"{seconds:g}")
    return reader.text("{count} min", count=f"{seconds / _MINUTE:g}")


def _format_people(standing: Standing, reader: Reader) -> str:
    return reader.plural("{count} person", "{count} people", standing.connected)


def _format_reports(figures: Figures, reader: Reader) -> str:
    counts = (
        (figures.count(Due.ON_TIME), reader.text("on time")),
        (figures.count(Due.QUIET), reader.text("with nothing new")),
        (figures.count(Due.LATE), reader.text("late")),
        (figures.count(Due.SKIPPED), reader.text("skipped")),
        (figures.count(Due.EXPLAINED), reader.text("could not be made")),
    )
    said = [f"{count} {word}" for count, word in counts if count]
    return ", ".join(said) or reader.text("none were due")


def _format_alerts(figures: Figures, standing: Standing, reader: Reader) -> str:
    sent = reader.plural("{count} sent", "{count} sent", figures.sum("alerts"))
    people = reader.plural("{count} person", "{count} people", standing.watched)
    return reader.text("{sent}, on for {people}", sent=sent, people=people)


def _format_limit(figures: Figures, standing: Standing, reader: Reader) -> str:
    refused = figures.sum("refused calls")
    said = (
        reader.plural("{count} call was put off", "{count} calls were put off", refused)
        if refused
        else reader.text("no call was refused")
    )
    if standing.limit is None:
        return said
    allowed = reader.text("{limit} calls a minute", limit=standing.limit)
    return f"{allowed}, {said}"


def _format_link(figures: Figures, reader: Reader) -> str:
    losses = figures.sum("link_losses")
    if not losses:
        return reader.text("never lost")
    return reader.plural("lost once", "lost {count} times", losses)


def _format_version(figures: Figures, standing: Standing, reader: Reader) -> str:
    versions = reader.text(
        "{own}, Rocket.Chat {theirs}", own=standing.version, theirs=standing.workspace_version
    )
    starts = figures.sum("starts")
    if not starts:
        return versions
    return f"{versions}, " + reader.plural("started once", "started {count} times", starts)
