"""An alert in words, and how alerts stand."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from babel.dates import format_timedelta

from bot.features.sessions.device_names import format_ip
from bot.features.sessions.devices import DeviceSessions
from bot.features.sessions.messages import format_name
from bot.formatting.colours import Colour
from bot.formatting.locale import UserLocale
from bot.models import Attachment, Fact, Reply

MOST_SHOWN: Final = 8


def format_alert(
    devices: Sequence[DeviceSessions], new: Sequence[int], locale: UserLocale, now: datetime
) -> Reply:
    """Warn of new devices, by their numbers, and say what to do if they are somebody else's."""
    shown = new[:MOST_SHOWN]
    facts = [_format_new(number, devices[number - 1], locale, now) for number in shown]
    if len(new) > len(shown):
        left = len(new) - len(shown)
        more = locale.plural("… and {count} more line", "… and {count} more lines", left)
        facts.append(Fact(more, locale.call("sessions"), is_short=False))
    facts.append(Fact(locale.text("Not you?"), _advise(devices, new, locale), is_short=False))
    calm = locale.text("Was that you? Then there is nothing to do.")
    return Reply(
        _format_headline(devices, new, locale, now),
        Attachment(Colour.RED, text=calm, facts=tuple(facts)),
    )


def format_lookout(
    since: datetime, interval: timedelta, known: int, locale: UserLocale, now: datetime
) -> Reply:
    """Say that alerts are on, how often somebody looks, and what for."""
    every = format_timedelta(interval, threshold=1.5, locale=locale.babel)
    lead = locale.text(
        "Alerts are on: I tell you when a device signs in as you that I have not seen before."
    )
    text = locale.text(
        "Reconnects and updates don't count, nor do devices that you named with {name}. "
        "{off} ends it.",
        name=locale.call("name"),
        off=locale.call("alerts off"),
    )
    facts = (
        Fact(locale.text("On since"), locale.moment(since, now)),
        Fact(locale.text("I look again after"), every),
        Fact(locale.text("Devices that I know"), str(known)),
    )
    return Reply(lead, Attachment(Colour.BLUE, text=text, facts=facts))


def format_blindness(problem: str, locale: UserLocale) -> Reply:
    """Say once why alerts cannot look; ``problem`` is a sentence already."""
    lead = locale.text("I cannot look for new devices of yours at present.")
    text = locale.text(
        "Alerts wait until that is put right, and then go on by themselves. {off} ends them.",
        off=locale.call("alerts off"),
    )
    return Reply(lead, Attachment(Colour.AMBER, text=f"{problem}\n{text}"))


def _format_headline(
    devices: Sequence[DeviceSessions], new: Sequence[int], locale: UserLocale, now: datetime
) -> str:
    if len(new) > 1:
        return locale.plural(
            "{count} new device is signed in as you",
            "{count} new devices are signed in as you",
            len(new),
        )
    device = devices[new[0] - 1]
    name, since = format_name(device, locale), device.newest.logged_in_at
    if since is None:
        return locale.text("New device: {device}", device=name)
    return locale.text("New device: {device}, {ago}", device=name, ago=locale.ago(since, now))


def _format_new(number: int, device: DeviceSessions, locale: UserLocale, now: datetime) -> Fact:
    title = f"{number} · {format_name(device, locale)}"
    since = device.newest.logged_in_at
    when = locale.text("signed in {when}", when=locale.moment(since, now)) if since else ""
    where = ""
    if device.newest.ip:
        address = format_ip(device.newest, locale)
        where = locale.text("from {address}, not seen before", address=address)
    value = ", ".join(filter(None, (when, where))) or locale.text("not recorded")
    return Fact(title, value, is_short=False)


def _advise(devices: Sequence[DeviceSessions], new: Sequence[int], locale: UserLocale) -> str:
    first = locale.text(
        "{logout} signs it out. Then change your password.", logout=locale.call(f"logout {new[0]}")
    )
    known = _find_most_familiar(devices, new)
    if known is None:
        return first
    # Without a number, "others" would keep the newest, which is the one in question.
    others = locale.text(
        "{others} signs out all of them but number {number}, {device}.",
        others=locale.call(f"logout others {known}"),
        number=known,
        device=format_name(devices[known - 1], locale),
    )
    return f"{first}\n{others}"


def _find_most_familiar(devices: Sequence[DeviceSessions], new: Sequence[int]) -> int | None:
    """Return the number of one to keep: a named one, else a program that is known, else any."""
    known = [number for number in range(1, len(devices) + 1) if number not in new]
    found = [(number, devices[number - 1]) for number in known]
    ranked = sorted(found, key=lambda each: (not each[1].name, not each[1].newest.device.name))
    return ranked[0][0] if ranked else None
