"""The list of a person's devices, page by page."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Final

from bot.features.sessions.devices import NumberedDevice, make_device_key
from bot.features.sessions.messages import format_advice, format_device_line, format_omitted
from bot.formatting.colours import Colour
from bot.formatting.locale import UserLocale
from bot.formatting.text import escape
from bot.models import Attachment, ButtonRows, Fact, Reply

PAGE_SIZE: Final = 10


def format_devices(
    numbered: Sequence[NumberedDevice],
    locale: UserLocale,
    now: datetime,
    *,
    page: int = 1,
    words: str = "",
) -> Reply:
    """List one page of devices with their numbers; a page that is too high is the last one.

    ``words`` are what the list was filtered by.
    """
    pages = max(1, -(-len(numbered) // PAGE_SIZE))
    page = min(page, pages)
    shown = numbered[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]
    facts = [format_device_line(number, device, locale, now) for number, device in shown]
    advice = format_advice(shown[0][0], locale)
    if pages > 1:
        advice = f"{advice}\n{_format_paging(page, pages, words, locale)}"
    facts.append(Fact(locale.text("What next?"), advice, is_short=False))
    return Reply(
        _format_total(numbered, words, locale),
        Attachment(Colour.BLUE, facts=tuple(facts)),
        buttons=_make_page_button(page + 1, words, locale) if page < pages else (),
    )


def list_devices(
    numbered: Sequence[NumberedDevice],
    locale: UserLocale,
    now: datetime,
    announced: Collection[str] = (),
) -> Iterator[Fact]:
    """List the first page of devices, and how many more there are.

    Those whose keys are ``announced`` are marked as new.
    """
    for number, device in numbered[:PAGE_SIZE]:
        mark = locale.text("NEW") if make_device_key(device.newest) in announced else ""
        yield format_device_line(number, device, locale, now, mark=mark)
    if len(numbered) > PAGE_SIZE:
        yield format_omitted(len(numbered) - PAGE_SIZE, "sessions page 2", locale)


def make_more_buttons(devices: int, locale: UserLocale) -> ButtonRows:
    """Return the button for what ``list_devices`` leaves out of so many devices, if anything."""
    return _make_page_button(2, "", locale) if devices > PAGE_SIZE else ()


def _format_total(numbered: Sequence[NumberedDevice], words: str, locale: UserLocale) -> str:
    sessions, count = sum(len(device.sessions) for _, device in numbered), len(numbered)
    if words:
        devices = locale.plural(
            "{count} of your devices matches “{words}”",
            "{count} of your devices match “{words}”",
            count,
            words=escape(words),
        )
    else:
        devices = locale.plural(
            "{count} device is signed in as you", "{count} devices are signed in as you", count
        )
    if sessions == count:
        return devices
    in_all = locale.plural("{count} session", "{count} sessions", sessions)
    return f"{devices} ({in_all})"


def _format_paging(page: int, pages: int, words: str, locale: UserLocale) -> str:
    following = _spell_page(page % pages + 1, escape(words))
    return locale.text(
        "Page {page} of {pages}: {next}", page=page, pages=pages, next=locale.call(following)
    )


def _make_page_button(page: int, words: str, locale: UserLocale) -> ButtonRows:
    return ((locale.button(locale.text("More"), _spell_page(page, words)),),)


def _spell_page(page: int, words: str) -> str:
    return " ".join(filter(None, ("sessions", words, f"page {page}")))
