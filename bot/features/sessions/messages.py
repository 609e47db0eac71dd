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
    """A session's state: ``text`` for the first line, the fact that it leaves out, a colour."""

    text: str
    fact: Fact | None
    colour: Colour


def format_session(
    session: Session, locale: UserLocale, now: datetime, *, name: str = "", reference: str = ""
) -> Reply:
    """Describe one session; ``reference`` is its number or id, as the person wrote it."""
    state = describe_state(session, locale, now)
    device = format_device(session.device, locale)
    return Reply(
        text=locale.text("{device}: {state}", device=device, state=state.text),
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
        text = locale.text("not connected, last seen {ago}", ago=locale.ago(seen, now))
        return State(text, Fact(locale.text("Last seen"), locale.time(seen)), Colour.GREY)
    if not session.is_activity_recorded:
        return State(locale.text("signed in"), None, Colour.BLUE)
    if session.last_activity_at and session.is_rolled_over:
        day = locale.day(session.last_activity_at)
        text = locale.text("still connected at midnight of {day}", day=day)
        return State(text, None, Colour.GREEN)
    return State(locale.text("connected now"), None, Colour.GREEN)


def _describe_logout(session: Session, at: datetime, locale: UserLocale, now: datetime) -> State:
    time = locale.time(at)
    if session.logged_out_by == session.user_id:
        time = locale.text("{time}, by you", time=time)
    elif session.logged_out_by:
        time = locale.text("{time}, by an administrator", time=time)
    text = locale.text("signed out {ago}", ago=locale.ago(at, now))
    return State(text, Fact(locale.text("Signed out"), time), Colour.GREY)


def _list_facts(
    session: Session, state: State, locale: UserLocale, now: datetime, reference: str
) -> Iterator[Fact]:
    missing = locale.text("not recorded")
    since = session.logged_in_at
    yield Fact(locale.text("Signed in"), locale.moment(since, now) if since else missing)
    if state.fact:
        yield state.fact
    yield Fact(locale.text("IP address"), format_ip(session, locale))
    yield Fact(locale.text("Host"), code(session.host) or missing)
    yield Fact(locale.text("Session"), code(session.id))
    if not session.logged_out_at:
        logout = locale.call(f"logout {escape(reference)}")
        yield Fact(locale.text("Not you?"), locale.text("Send {command}", command=logout))


def format_device_line(
    number: int,
    device: DeviceSessions,
    locale: UserLocale,
    now: datetime,
    *,
    mark: str = "",
    note: str = "",
) -> Fact:
    """Describe a device in a list: mark and number, under them its name, then note and origin."""
    title = " · ".join(filter(None, (mark, str(number))))
    origin = locale.join((note, format_origin(device, locale, now)))
    return format_line(title, format_title(device, locale), origin)


def format_line(title: str, name: str, origin: str) -> Fact:
    """Put a device's name above its origin.

    Both are in the value, which Rocket.Chat's web client writes larger and darker than the title
    (``Field.tsx``).
    """
    return Fact(title, f"*{name}*\n{origin}", is_short=False)


def format_omitted(left: int, command: str, locale: UserLocale) -> Fact:
    """Say how many devices a list leaves out, and which command shows them."""
    more = locale.plural("… and {count} more device", "… and {count} more devices", left)
    return Fact(more, locale.call(command), is_short=False)


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
    return locale.join((when, where)) or locale.text("not recorded")


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
