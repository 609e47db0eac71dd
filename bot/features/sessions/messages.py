"""One session in a message, and what all lists of devices share."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from bot.features.sessions.device_names import format_device, format_ip
from bot.features.sessions.devices import DeviceSessions
from bot.formatting.colours import Colour
from bot.formatting.locale import UserLocale
from bot.formatting.text import code, escape
from bot.models import Attachment, Fact, Reply, Session


@dataclass(frozen=True, slots=True)
class State:
    """A session's state: ``short`` for the first line, ``full`` for the facts, and a colour."""

    short: str
    full: str
    colour: Colour


def format_session(
    session: Session, locale: UserLocale, now: datetime, *, name: str = "", reference: str = ""
) -> Reply:
    """Describe one session; ``reference`` is its number or id, as the person wrote it."""
    state = describe_state(session, locale, now)
    device = format_device(session.device, locale)
    return Reply(
        text=locale.text("{device}: {state}", device=device, state=state.short),
        attachment=Attachment(
            colour=state.colour,
            title=escape(name),
            facts=tuple(_list_facts(session, state, locale, now, reference or session.id)),
        ),
    )


def describe_state(session: Session, locale: UserLocale, now: datetime) -> State:
    """Return whether the session is connected, was seen last at some time, or is signed out."""
    if session.logged_out_at:
        return _describe_logout(session, session.logged_out_at, locale, now)
    if session.closed_at:
        seen = session.last_activity_at or session.closed_at
        when = locale.moment(seen, now)
        short = locale.text("not connected, last seen {ago}", ago=locale.ago(seen, now))
        return State(short, locale.text("last seen {when}", when=when), Colour.GREY)
    if not session.is_activity_recorded:
        short = locale.text("signed in")
        return State(short, short, Colour.BLUE)
    if session.last_activity_at and session.is_rolled_over:
        day = locale.day(session.last_activity_at)
        short = locale.text("still connected at midnight of {day}", day=day)
        return State(short, short, Colour.GREEN)
    short = locale.text("connected now")
    return State(short, short, Colour.GREEN)


def _describe_logout(session: Session, at: datetime, locale: UserLocale, now: datetime) -> State:
    when = locale.moment(at, now)
    if not session.logged_out_by:
        full = locale.text("signed out {when}", when=when)
    elif session.logged_out_by == session.user_id:
        full = locale.text("signed out {when}, by you", when=when)
    else:
        full = locale.text("signed out {when}, by an administrator", when=when)
    return State(locale.text("signed out"), full, Colour.GREY)


def _list_facts(
    session: Session, state: State, locale: UserLocale, now: datetime, reference: str
) -> Iterator[Fact]:
    missing = locale.text("not recorded")
    since = session.logged_in_at
    yield Fact(locale.text("Signed in"), locale.moment(since, now) if since else missing)
    yield Fact(locale.text("State"), state.full)
    yield Fact(locale.text("IP address"), format_ip(session, locale))
    yield Fact(locale.text("Host"), code(session.host) or missing)
    yield Fact(locale.text("Session"), code(session.id))
    if not session.logged_out_at:
        logout = locale.call(f"logout {escape(reference)}")
        yield Fact(locale.text("Not you?"), locale.text("Send {command}", command=logout))


def format_device_line(
    number: int, device: DeviceSessions, origin: str, locale: UserLocale, mark: str = ""
) -> Fact:
    """Describe a device in a list: mark, number and name, and under it where it comes from."""
    return Fact(format_device_title(number, device, locale, mark), origin, is_short=False)


def format_device_title(
    number: int, device: DeviceSessions, locale: UserLocale, mark: str = ""
) -> str:
    """Name a device in a list, as in ``NEW · 2 · Firefox 131 on Linux (×3)``."""  # noqa: RUF002 - times
    return " · ".join(filter(None, (mark, str(number), format_title(device, locale))))


def format_title(device: DeviceSessions, locale: UserLocale) -> str:
    """Name a device, with the number of its sessions if there are several."""
    count = len(device.sessions)
    times = f" (×{count})" if count > 1 else ""  # noqa: RUF001 - read as "times"
    return f"{format_name(device, locale)}{times}"


def format_origin(device: DeviceSessions, locale: UserLocale, now: datetime) -> str:
    """Say since when and from where a device is signed in."""
    since = device.newest.logged_in_at
    when = locale.text("signed in {ago}", ago=locale.ago(since, now)) if since else ""
    where = format_ip(device.newest, locale) if device.newest.ip else ""
    return ", ".join(filter(None, (when, where))) or locale.text("not recorded")


def format_name(device: DeviceSessions, locale: UserLocale) -> str:
    """Name a device: the person's own name for it first, if there is one."""
    look = format_device(device.newest.device, locale)
    return f"{escape(device.name)}: {look}" if device.name else look


def format_advice(number: int, locale: UserLocale) -> str:
    """Say how to see more of a device in a list, and how to sign it out."""
    return locale.text(
        "{session} for more, {logout} to sign it out",
        session=locale.call(f"session {number}"),
        logout=locale.call(f"logout {number}"),
    )
