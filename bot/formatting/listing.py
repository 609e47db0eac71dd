"""A person's devices as a list that reads well on a phone."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from bot.devices import DeviceSessions
from bot.formatting.devices import format_device, format_ip
from bot.formatting.reader import Reader
from bot.formatting.sessions import Colour
from bot.formatting.text import neutralise
from bot.models import Attachment, Reply

PAGE_SIZE: Final = 10


def format_devices(
    numbered: Sequence[tuple[int, DeviceSessions]], reader: Reader, now: datetime, *, page: int = 1
) -> Reply:
    """List one page of devices with their numbers; raises nothing for a page too high."""
    pages = max(1, -(-len(numbered) // PAGE_SIZE))
    page = min(page, pages)
    shown = numbered[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]
    lines = [format_row(number, device, reader, now) for number, device in shown]
    lines += ["", _format_footer(shown[0][0], page, pages, reader)]
    return Reply(_format_total(numbered, reader), Attachment(Colour.BLUE, text="\n".join(lines)))


def format_row(number: int, device: DeviceSessions, reader: Reader, now: datetime) -> str:
    """Write one device on one line: number, name, since when, from where."""
    parts = [f"*{number}*  {format_name(device, reader)}"]
    if len(device.sessions) > 1:
        parts[0] += f" (×{len(device.sessions)})"  # noqa: RUF001 - read as "times"
    since = device.newest.logged_in_at
    if since:
        parts.append(reader.text("signed in {ago}", ago=reader.ago(since, now)))
    if device.newest.ip:
        parts.append(format_ip(device.newest, reader))
    return ", ".join(parts)


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


def _format_footer(example: int, page: int, pages: int, reader: Reader) -> str:
    footer = reader.text(
        "{session} for more, {logout} to sign it out",
        session=reader.call(f"session {example}"),
        logout=reader.call(f"logout {example}"),
    )
    if pages == 1:
        return footer
    next_page = reader.call(f"sessions page {page % pages + 1}")
    return (
        footer
        + "\n"
        + reader.text("Page {page} of {pages}: {next}", page=page, pages=pages, next=next_page)
    )
