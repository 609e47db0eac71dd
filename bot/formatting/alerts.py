"""An alert in words, and how alerts stand."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from babel.dates import format_timedelta

from bot.devices import DeviceSessions
from bot.formatting.devices import format_ip
from bot.formatting.listing import format_name
from bot.formatting.reader import Reader
from bot.formatting.sessions import Colour
from bot.models import Attachment, Fact, Reply

MOST_SHOWN: Final = 8


def format_alert(
    devices: Sequence[DeviceSessions], new: Sequence[int], reader: Reader, now: datetime
) -> Reply:
    """Warn of new devices, by their numbers, and say what to do if they are somebody else's."""
    shown = new[:MOST_SHOWN]
    facts = [_format_new(number, devices[number - 1], reader, now) for number in shown]
    if len(new) > len(shown):
        left = len(new) - len(shown)
        more = reader.plural("… and {count} more line", "… and {count} more lines", left)
        facts.append(Fact(more, reader.call("sessions"), is_short=False))
    facts.append(Fact(reader.text("Not you?"), _advise(devices, new, reader), is_short=False))
    calm = reader.text("Was that you? Then there is nothing to do.")
    return Reply(
        _format_headline(devices, new, reader, now),
        Attachment(Colour.RED, text=calm, facts=tuple(facts)),
    )


def format_lookout(
    since: datetime, interval: timedelta, known: int, reader: Reader, now: datetime
) -> Reply:
    """Say that alerts are on, how often somebody looks, and what for."""
    every = format_timedelta(interval, threshold=1.5, locale=reader.locale)
    lead = reader.text(
        "Alerts are on: I tell you when a device signs in as you that I have not seen before."
    )
    text = reader.text(
        "Reconnects and updates don't count, nor do devices that you named with {name}. "
        "{off} ends it.",
        name=reader.call("name"),
        off=reader.call("alerts off"),
    )
    facts = (
        Fact(reader.text("On since"), reader.moment(since, now)),
        Fact(reader.text("I look again after"), every),
        Fact(reader.text("Devices that I know"), str(known)),
    )
    return Reply(lead, Attachment(Colour.BLUE, text=text, facts=facts))


def format_blindness(problem: str, reader: Reader) -> Reply:
    """Say once why alerts cannot look; ``problem`` is a sentence already."""
    lead = reader.text("I cannot look for new devices of yours at present.")
    text = reader.text(
        "Alerts wait until that is put right, and then go on by themselves. {off} ends them.",
        off=reader.call("alerts off"),
    )
    return Reply(lead, Attachment(Colour.AMBER, text=f"{problem}\n{text}"))


def _format_headline(
    devices: Sequence[DeviceSessions], new: Sequence[int], reader: Reader, now: datetime
) -> str:
    if len(new) > 1:
        return reader.plural(
            "{count} new device is signed in as you",
            "{count} new devices are signed in as you",
            len(new),
        )
    device = devices[new[0] - 1]
    name, since = format_name(device, reader), device.newest.logged_in_at
    if since is None:
        return reader.text("New device: {device}", device=name)
    return reader.text("New device: {device}, {ago}", device=name, ago=reader.ago(since, now))


def _format_new(number: int, device: DeviceSessions, reader: Reader, now: datetime) -> Fact:
    title = f"{number} · {format_name(device, reader)}"
    since = device.newest.logged_in_at
    when = reader.text("signed in {when}", when=reader.moment(since, now)) if since else ""
    where = ""
    if device.newest.ip:
        address = format_ip(device.newest, reader)
        where = reader.text("from {address}, not seen before", address=address)
    value = ", ".join(filter(None, (when, where))) or reader.text("not recorded")
    return Fact(title, value, is_short=False)


def _advise(devices: Sequence[DeviceSessions], new: Sequence[int], reader: Reader) -> str:
    first = reader.text(
        "{logout} signs it out. Then change your password.", logout=reader.call(f"logout {new[0]}")
    )
    known = _find_most_familiar(devices, new)
    if known is None:
        return first
    # Without a number, "others" would keep the newest, which is the one in question.
    others = reader.text(
        "{others} signs out all of them but number {number}, {device}.",
        others=reader.call(f"logout others {known}"),
        number=known,
        device=format_name(devices[known - 1], reader),
    )
    return f"{first}\n{others}"


def _find_most_familiar(devices: Sequence[DeviceSessions], new: Sequence[int]) -> int | None:
    """Give the number of one to keep: a named one, else a program that is known, else any."""
    known = [number for number in range(1, len(devices) + 1) if number not in new]
    found = [(number, devices[number - 1]) for number in known]
    ranked = sorted(found, key=lambda each: (not each[1].name, not each[1].newest.device.name))
    return ranked[0][0] if ranked else None
