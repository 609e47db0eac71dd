"""A session in words: what it is, since when, from where, and whether it is still there."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bot.features.sessions.device_names import format_device, format_ip
from bot.features.sessions.devices import DeviceSessions
from bot.formatting.colours import Colour
from bot.formatting.locale import UserLocale
from bot.formatting.text import code, cut_lines, escape
from bot.models import Attachment, Device, Fact, Reply, Session


@dataclass(frozen=True, slots=True)
class State:
    """Where a session stands: a word for the first line, a sentence for the facts, a colour."""

    word: str
    sentence: str
    colour: Colour


def format_session(
    session: Session, locale: UserLocale, now: datetime, *, name: str = "", reference: str = ""
) -> Reply:
    """Summarise one session; ``reference`` is what the reader can log it out by."""
    state = describe_state(session, locale, now)
    device = format_device(session.device, locale)
    return Reply(
        text=locale.text("{device}: {state}", device=device, state=state.word),
        attachment=Attachment(
            colour=state.colour,
            title=escape(name),
            facts=tuple(_list_facts(session, state, locale, now, reference or session.id)),
        ),
    )


def describe_state(session: Session, locale: UserLocale, now: datetime) -> State:
    """Tell connected, last seen, still there at midnight, and signed out apart."""
    if session.logged_out_at:
        return _describe_logout(session, session.logged_out_at, locale, now)
    if session.closed_at:
        seen = session.last_activity_at or session.closed_at
        when = locale.moment(seen, now)
        word = locale.text("not connected, last seen {ago}", ago=locale.ago(seen, now))
        return State(word, locale.text("last seen {when}", when=when), Colour.GREY)
    if not session.is_activity_recorded:
        word = locale.text("signed in")
        return State(word, word, Colour.BLUE)
    if session.last_activity_at and session.is_rolled_over:
        day = locale.day(session.last_activity_at)
        word = locale.text("still connected at midnight of {day}", day=day)
        return State(word, word, Colour.GREEN)
    word = locale.text("connected now")
    return State(word, word, Colour.GREEN)


def _describe_logout(session: Session, at: datetime, locale: UserLocale, now: datetime) -> State:
    when = locale.moment(at, now)
    if not session.logged_out_by:
        sentence = locale.text("signed out {when}", when=when)
    elif session.logged_out_by == session.user_id:
        sentence = locale.text("signed out {when}, by you", when=when)
    else:
        sentence = locale.text("signed out {when}, by an administrator", when=when)
    return State(locale.text("signed out"), sentence, Colour.GREY)


def _list_facts(
    session: Session, state: State, locale: UserLocale, now: datetime, reference: str
) -> Iterator[Fact]:
    missing = locale.text("not recorded")
    since = session.logged_in_at
    yield Fact(locale.text("Signed in"), locale.moment(since, now) if since else missing)
    yield Fact(locale.text("State"), state.sentence)
    yield Fact(locale.text("IP address"), format_ip(session, locale))
    yield Fact(locale.text("Host"), code(session.host) or missing)
    yield Fact(locale.text("Session"), code(session.id))
    if not session.logged_out_at:
        logout = locale.call(f"logout {escape(reference)}")
        yield Fact(locale.text("Not you?"), locale.text("Send {command}", command=logout))


PAGE_SIZE: Final = 10


def format_devices(
    numbered: Sequence[tuple[int, DeviceSessions]],
    locale: UserLocale,
    now: datetime,
    *,
    page: int = 1,
) -> Reply:
    """List one page of devices with their numbers; raises nothing for a page too high."""
    pages = max(1, -(-len(numbered) // PAGE_SIZE))
    page = min(page, pages)
    shown = numbered[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]
    facts = tuple(_format_fact(number, device, locale, now) for number, device in shown)
    footer = Fact(
        locale.text("What next?"), _advise(shown[0][0], page, pages, locale), is_short=False
    )
    return Reply(_format_total(numbered, locale), Attachment(Colour.BLUE, facts=(*facts, footer)))


def _format_fact(number: int, device: DeviceSessions, locale: UserLocale, now: datetime) -> Fact:
    title = f"{number} · {format_name(device, locale)}"
    if len(device.sessions) > 1:
        title += f" (×{len(device.sessions)})"  # noqa: RUF001 - read as "times"
    return Fact(title, format_origin(device, locale, now), is_short=False)


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


def _format_total(numbered: Sequence[tuple[int, DeviceSessions]], locale: UserLocale) -> str:
    sessions = sum(len(device.sessions) for _, device in numbered)
    devices = locale.plural(
        "{count} device is signed in as you", "{count} devices are signed in as you", len(numbered)
    )
    if sessions == len(numbered):
        return devices
    in_all = locale.plural("{count} session", "{count} sessions", sessions)
    return f"{devices} ({in_all})"


def _advise(example: int, page: int, pages: int, locale: UserLocale) -> str:
    advice = locale.text(
        "{session} for more, {logout} to sign it out",
        session=locale.call(f"session {example}"),
        logout=locale.call(f"logout {example}"),
    )
    if pages == 1:
        return advice
    turn = locale.text(
        "Page {page} of {pages}: {next}",
        page=page,
        pages=pages,
        next=locale.call(f"sessions page {page % pages + 1}"),
    )
    return f"{advice}\n{turn}"


Numbered = tuple[int, DeviceSessions]


def format_logout_question(device: DeviceSessions, locale: UserLocale) -> Reply:
    """Ask before one device is signed out."""
    question = locale.text("Sign out {device}?", device=format_name(device, locale))
    count = len(device.sessions)
    lines = [locale.text("All {count} sessions of it.", count=count)] if count > 1 else []
    return _ask(question, lines, [device], locale)


def format_logout_of_others_question(
    kept: DeviceSessions, others: Sequence[Numbered], locale: UserLocale
) -> Reply:
    """Ask before all devices but one are signed out."""
    question = locale.plural(
        "Sign out {count} other device?", "Sign out {count} other devices?", len(others)
    )
    lines = [
        locale.text("Stays signed in: {device}.", device=format_name(kept, locale)),
        locale.text(
            "I can't see which one you are using now. To keep another, give its number, "
            "as in {example}.",
            example=locale.call(f"logout others {others[0][0]}"),
        ),
        "",
        *(f"{number} · {format_name(each, locale)}" for number, each in others),
    ]
    return _ask(question, lines, [device for _, device in others], locale)


def format_logout(
    wanted: int, logged_out: int, unchecked: int, retry_after: float, locale: UserLocale
) -> Reply:
    """Say what really happened, counted."""
    if unchecked:
        text = locale.text(
            "I asked your workspace to sign them out, but could not see whether it did. "
            "{sessions} shows what is left.",
            sessions=locale.call("sessions"),
        )
        return Reply(text)
    done = locale.plural("Signed out {count} session", "Signed out {count} sessions", logged_out)
    if logged_out == wanted:
        return Reply(f"{done}.")
    left = locale.plural(
        "{count} is still signed in.", "{count} are still signed in.", wanted - logged_out
    )
    return Reply(f"{done}. {left}{_explain_wait(retry_after, locale)}")


def _explain_wait(retry_after: float, locale: UserLocale) -> str:
    if not retry_after:
        return ""
    return " " + locale.plural(
        "Your workspace allows only so many at a time: ask again in {count} second.",
        "Your workspace allows only so many at a time: ask again in {count} seconds.",
        max(1, math.ceil(retry_after)),
    )


def _ask(
    question: str, lines: list[str], devices: Sequence[DeviceSessions], locale: UserLocale
) -> Reply:
    if any(_is_script(device.newest.device) for device in devices):
        warning = locale.text(
            "A script may be signed in with a personal access token. "
            "Signing it out deletes that token too."
        )
        lines = [*lines, warning]
    how = locale.text(
        "Send {confirm} within two minutes to go ahead.", confirm=locale.call("confirm")
    )
    text = "\n".join([*cut_lines(lines, locale), how])
    return Reply(question, Attachment(Colour.AMBER, text=text))


def _is_script(device: Device) -> bool:
    # A program that logged in by `resume` with a personal access token loses the token with its
    # session (server source `Sessions` and `logout.me`, 8.3); its device is recorded as empty.
    return not (device.name or device.os.name)
