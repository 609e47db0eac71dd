"""A person's devices as a list that reads well on a phone."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from bot.devices import DeviceSessions
from bot.formatting.devices import format_device, format_ip
from bot.formatting.reader import Reader
from bot.formatting.sessions import Colour
from bot.formatting.text import neutralise
from bot.models import Attachment, Fact, Reply

PAGE_SIZE: Final = 10


def format_devices(
    numbered: Sequence[tuple[int, DeviceSessions]], reader: Reader, now: datetime, *, page: int = 1
) -> Reply:
    """List one page of devices with their numbers; raises nothing for a page too high."""
    pages = max(1, -(-len(numbered) // PAGE_SIZE))
    page = min(page, pages)
    shown = numbered[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]
    facts = tuple(_format_fact(number, device, reader, now) for number, device in shown)
    footer = Fact(
        reader.text("What next?"), _advise(shown[0][0], page, pages, reader), is_short=False
    )
    return Reply(_format_total(numbered, reader), Attachment(Colour.BLUE, facts=(*facts, footer)))


def _format_fact(number: int, device: DeviceSessions, reader: Reader, now: datetime) -> Fact:
    title = f"{number} · {format_name(device, reader)}"
    if len(device.sessions) > 1:
        title += f" (×{len(device.sessions)})"  # noqa: RUF001 - read as "times"
    return Fact(title, format_origin(device, reader, now), is_short=False)


def format_origin(device: DeviceSessions, reader: Reader, now: datetime) -> str:
    """Say since when and from where a device is signed in."""
    since = device.newest.logged_in_at
    when = reader.text("signed in {ago}", ago=reader.ago(since, now)) if since else ""
    where = format_ip(device.newest, reader) if device.newest.ip else ""
    return ", ".join(filter(None, (when, where))) or reader.text("not recorded")


def format_name(device: DeviceSessions, reader: Reader) -> str:
    """Name a device: the person's own name for it first, if there is one."""
    look = format_device(device.newest.device, reader)
    return f"{neutralise(device.name)}: {look}" if device.name else look


def _format_total(numbered: Sequence[tuple[int, DeviceSessions]], reader: Reader) -> str:
    sessions = sum(len(device.sessions) for _, device in numbered)
    devices = reader.plural(
        "{count} device is signed in as you", "{count} devices are signed in as you", len(numbered)
    )
    if sessions == len(numbered):
        return devices
    in_all = reader.plural("{count} session", "{count} sessions", sessions)
    return f"{devices} ({in_all})"


def _advise(example: int, page: int, pages: int, reader: Reader) -> str:
    advice = reader.text(
        "{session} for more, {logout} to sign it out",
        session=reader.call(f"session {example}"),
        logout=reader.call(f"logout {example}"),
    )
    if pages == 1:
        return advice
    turn = reader.text(
        "Page {page} of {pages}: {next}",
        page=page,
        pages=pages,
        next=reader.call(f"sessions page {page % pages + 1}"),
    )
    return f"{advice}\n{turn}"
