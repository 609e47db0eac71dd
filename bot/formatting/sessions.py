"""A session in words: what it is, since when, from where, and whether it is still there."""

from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum

from bot.formatting.devices import format_device, format_ip
from bot.formatting.reader import Reader
from bot.formatting.text import code, neutralise
from bot.models import Attachment, Fact, Reply, Session
from bot.values import value


class Colour(StrEnum):
    """What the bar beside an attachment means."""

    GREEN = "#2de0a5"
    BLUE = "#1d74f5"
    AMBER = "#f3be08"
    RED = "#f5455c"
    GREY = "#9ea2a8"


@value
class State:
    """Where a session stands: a word for the first line, a sentence for the facts, a colour."""

    word: str
    sentence: str
    colour: Colour


def format_session(
    session: Session, reader: Reader, now: datetime, *, name: str = "", reference: str = ""
) -> Reply:
    """Summarise one session; ``reference`` is what the reader can log it out by."""
    state = describe_state(session, reader, now)
    device = format_device(session.device, reader)
    return Reply(
        text=reader.text("{device}: {state}", device=device, state=state.word),
        attachment=Attachment(
            colour=state.colour,
            title=neutralise(name),
            facts=tuple(_list_facts(session, state, reader, now, reference or session.id)),
        ),
    )


def describe_state(session: Session, reader: Reader, now: datetime) -> State:
    """Tell connected, last seen, still there at midnight, and signed out apart."""
    if session.logged_out_at:
        return _describe_logout(session, session.logged_out_at, reader, now)
    if session.closed_at:
        seen = session.last_activity_at or session.closed_at
        when = reader.moment(seen, now)
        word = reader.text("not connected, last seen {ago}", ago=reader.ago(seen, now))
        return State(word, reader.text("last seen {when}", when=when), Colour.GREY)
    if not session.is_activity_recorded:
        word = reader.text("signed in")
        return State(word, word, Colour.BLUE)
    if session.last_activity_at and session.is_rolled_over:
        day = reader.day(session.last_activity_at)
        word = reader.text("still connected at midnight of {day}", day=day)
        return State(word, word, Colour.GREEN)
    word = reader.text("connected now")
    return State(word, word, Colour.GREEN)


def _describe_logout(session: Session, at: datetime, reader: Reader, now: datetime) -> State:
    when = reader.moment(at, now)
    if not session.logged_out_by:
        sentence = reader.text("signed out {when}", when=when)
    elif session.logged_out_by == session.user_id:
        sentence = reader.text("signed out {when}, by you", when=when)
    else:
        sentence = reader.text("signed out {when}, by an administrator", when=when)
    return State(reader.text("signed out"), sentence, Colour.GREY)


def _list_facts(
    session: Session, state: State, reader: Reader, now: datetime, reference: str
) -> Iterator[Fact]:
    missing = reader.text("not recorded")
    since = session.logged_in_at
    yield Fact(reader.text("Signed in"), reader.moment(since, now) if since else missing)
    yield Fact(reader.text("State"), state.sentence)
    yield Fact(reader.text("IP address"), format_ip(session, reader))
    yield Fact(reader.text("Host"), code(session.host) or missing)
    yield Fact(reader.text("Session"), code(session.id))
    if not session.logged_out_at:
        logout = reader.call(f"logout {neutralise(reference)}")
        yield Fact(reader.text("Not you?"), reader.text("Send {command}", command=logout))
