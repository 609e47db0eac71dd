import re
import unicodedata
from collections.abc import Sequence

from bot.commands.registry import Context, command
from bot.errors import UsageError
from bot.features.sessions.device_names import format_device, format_ip
from bot.features.sessions.devices import DeviceSessions, NumberedDevice
from bot.features.sessions.list_messages import PAGE_SIZE, format_devices
from bot.formatting.locale import UserLocale
from bot.models import Reply

_PAGE = re.compile(r"(?:^|\s)page\s+(\d{1,3})$")


@command(
    "sessions [words]",
    "sessions page <number>",
    examples=("sessions", "sessions firefox", "sessions page 2"),
    rank=1,
)
async def sessions(context: Context) -> Reply:
    """List your sessions, newest first, one line for each device.

    Add words to list only devices whose program, system, name or address contains them. Other
    commands take the numbers from your last list.
    """
    words, page = _split_page(context.words)
    devices = await context.sessions.fetch_numbered_devices(context.asker.id)
    if not devices:
        return Reply(context.locale.text("I can't see any session that is signed in as you."))
    numbered = _filter(devices, words, context.locale)
    if not numbered:
        raise UsageError(
            "None of your {count} devices matches “{words}”.", count=len(devices), words=words
        )
    if (page - 1) * PAGE_SIZE >= len(numbered):
        raise UsageError("There is no page {page}.", page=page)
    return format_devices(numbered, context.locale, context.now, page=page, words=words)


def _split_page(words: str) -> tuple[str, int]:
    plain = unicodedata.normalize("NFKC", words).casefold()
    found = _PAGE.search(plain)
    if found is None:
        return plain.strip(), 1
    return plain[: found.start()].strip(), max(1, int(found[1]))


def _filter(
    devices: Sequence[DeviceSessions], words: str, locale: UserLocale
) -> list[NumberedDevice]:
    wanted = words.split()
    return [
        (number, device)
        for number, device in enumerate(devices, 1)
        if all(word in _describe(device, locale) for word in wanted)
    ]


def _describe(device: DeviceSessions, locale: UserLocale) -> str:
    newest = device.newest
    look = (newest.device.type, newest.device.name, newest.device.os.name)
    where = format_ip(newest, locale) if newest.ip else ""
    parts = (device.name, where, newest.host, *look, format_device(newest.device, locale))
    return " ".join((*parts, *device.ids)).casefold()
