"""Messages about alerts: a new device, the status, an interruption."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from babel.dates import format_timedelta

from bot.features.alerts.alerts import AlertStatus
from bot.features.sessions.device_names import format_ip
from bot.features.sessions.devices import DeviceSessions
from bot.features.sessions.list_messages import list_devices, make_more_buttons
from bot.features.sessions.messages import format_line, format_name, format_omitted
from bot.formatting.colours import Colour
from bot.formatting.locale import UserLocale
from bot.models import Attachment, ButtonRows, Fact, Reply

MAX_SHOWN: Final = 8


def format_alert(
    devices: Sequence[DeviceSessions], new: Sequence[int], locale: UserLocale, now: datetime
) -> Reply:
    """Warn of the devices with the numbers ``new``, and say what to do if they are foreign."""
    shown = new[:MAX_SHOWN]
    facts = [_format_new(number, devices[number - 1], locale, now) for number in shown]
    if len(new) > len(shown):
        facts.append(format_omitted(len(new) - len(shown), "sessions", locale))
    facts.append(Fact(locale.text("Not you?"), _advise(new, locale), is_short=False))
    calm = locale.text("Was that you? Then there is nothing to do.")
    noted = locale.text(
        "{known} tells me that device {number} is yours.",
        known=locale.call(f"known {new[0]}"),
        number=new[0],
    )
    return Reply(
        _format_headline(devices, new, locale, now),
        Attachment(Colour.RED, text=f"{calm} {noted}", facts=tuple(facts)),
        buttons=_make_buttons(devices, new, locale),
    )


def format_status(status: AlertStatus, locale: UserLocale, now: datetime) -> Reply:
    """Say that alerts are on, since when, how often devices are checked, and what is known."""
    every = format_timedelta(status.interval, threshold=1.5, locale=locale.babel)
    lead = locale.text(
        "Alerts are on: I tell you when a device that I have not seen before signs in as you."
    )
    text = locale.text(
        "Reconnects and updates don't count, nor do devices that you named with {name}. "
        "{off} turns alerts off.",
        name=locale.call("name"),
        off=locale.call("alerts off"),
    )
    facts = (
        Fact(locale.text("On since"), locale.moment(status.since, now)),
        Fact(locale.text("Checked every"), every),
        Fact(locale.text("Known devices"), str(status.known)),
        *_list_accepted(status.accepted, locale, now),
    )
    return Reply(
        lead,
        Attachment(Colour.BLUE, text=text, facts=facts),
        buttons=make_more_buttons(len(status.accepted), locale),
    )


def _list_accepted(
    devices: Sequence[DeviceSessions], locale: UserLocale, now: datetime
) -> Iterator[Fact]:
    """List the devices that will never cause an alert: somebody else's may be among them."""
    if not devices:
        return
    yield Fact(
        locale.text("I count these as yours"),
        locale.text(
            "Is one of them not yours? {logout} signs it out.",
            logout=locale.call("logout <number>"),
        ),
        is_short=False,
    )
    yield from list_devices(list(enumerate(devices, 1)), locale, now)


def format_interruption(problem: str, locale: UserLocale) -> Reply:
    """Say why devices cannot be checked; ``problem`` is a translated sentence."""
    lead = locale.text("I can't check for new devices of yours at the moment.")
    text = locale.text(
        "Alerts are paused until this is fixed, then they continue by themselves. "
        "{off} turns them off.",
        off=locale.call("alerts off"),
    )
    return Reply(lead, Attachment(Colour.AMBER, text=f"{problem}\n{text}"))


def _make_buttons(
    devices: Sequence[DeviceSessions], new: Sequence[int], locale: UserLocale
) -> ButtonRows:
    """Return a row for each device that is shown, and one for more where some are not.

    They call devices by an id: another list may have other numbers by the time of the click.
    """
    rows = []
    for number in new[:MAX_SHOWN]:
        id_ = devices[number - 1].newest.id
        if len(new) == 1:
            labels = locale.text("Sign it out"), locale.text("It was me")
        else:
            labels = (
                locale.text("Sign out {number}", number=number),
                locale.text("{number} was me", number=number),
            )
        words = f"logout device {id_}", f"known {id_}"
        rows.append(tuple(map(locale.button, labels, words)))
    if len(new) > MAX_SHOWN:
        rows.append((locale.button(locale.text("More"), "sessions"),))
    return tuple(rows)


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
    since = device.newest.logged_in_at
    when = locale.text("signed in {when}", when=locale.moment(since, now)) if since else ""
    where = ""
    if device.newest.ip:
        address = format_ip(device.newest, locale)
        where = locale.text("from {address}, not seen before", address=address)
    value = locale.join((when, where)) or locale.text("not recorded")
    return format_line(str(number), format_name(device, locale), value)


def _advise(new: Sequence[int], locale: UserLocale) -> str:
    # No device is proposed to be kept: the one that was there before may be the thief's, too.
    everything = locale.text(
        "{all} is the safest: it signs out everything, you too. Then change your password.",
        all=locale.call("logout all"),
    )
    one = locale.text(
        "{logout} signs out only this device.", logout=locale.call(f"logout {new[0]}")
    )
    return f"{everything}\n{one}"
