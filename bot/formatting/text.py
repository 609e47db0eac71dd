# ruff: noqa: RUF001 - the look-alikes below are the point
"""Escapes text from outside, and shortens text to what fits into a message."""

import re
import unicodedata
from collections.abc import Sequence
from typing import Final

from bot.formatting.locale import UserLocale

MESSAGE_LIMIT: Final = 5000
"""``Message_MaxAllowedSize`` by default, in UTF-16 units (server source ``app/lib``, 6.14)."""

LINES_LIMIT: Final = 4000
"""The part of it that a list may take, so that a heading and a footer always fit."""

_HARMLESS = str.maketrans(
    {
        "*": "∗",
        "_": "ˍ",
        "~": "∼",
        "`": "ˋ",
        "[": "(",
        "]": ")",
        "<": "‹",
        ">": "›",
        "|": "¦",
        "#": "＃",
        "$": "＄",
        "\\": "＼",
        "@": "@\u2060",
        ":": ":\u2060",
    }
)
_LINK_DOT = re.compile(r"\.(?=[^\W\d])")


def utf16_length(text: str) -> int:
    """Count as the server does: UTF-16 units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def escape(text: str, limit: int = 60) -> str:
    """Make text from outside harmless: one line of at most ``limit`` characters.

    It has no markdown, no mention and no link.
    """
    harmless = shorten(_plain(text), limit).translate(_HARMLESS)
    return _LINK_DOT.sub(".\u2060", harmless)


def code(text: str, limit: int = 80) -> str:
    """Format an id, an address or a host as code; empty where nothing visible is in it."""
    plain = shorten(_plain(text), limit)
    harmless = plain.replace("`", "ˋ").replace("@", "@\u2060")
    return f"`{harmless}`" if harmless else ""


def shorten(text: str, limit: int) -> str:
    """Cut to ``limit`` characters, the last an ellipsis; combining marks stay with their letter."""
    if len(text) <= limit:
        return text
    cut = limit - 1
    while cut > 0 and unicodedata.combining(text[cut]):
        cut -= 1
    return text[:cut].rstrip() + "…"


def cut_lines(lines: Sequence[str], locale: UserLocale, limit: int = LINES_LIMIT) -> list[str]:
    """Keep as many whole lines as fit, and say how many were left out."""
    kept: list[str] = []
    room = limit
    for line in lines:
        room -= utf16_length(line) + 1
        if room < 0:
            left = len(lines) - len(kept)
            note = locale.plural("… and {count} more line", "… and {count} more lines", left)
            return [*kept, note]
        kept.append(line)
    return kept


def _plain(text: str) -> str:
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    kept = (" " if _is_space(letter) else letter for letter in text if not _is_invisible(letter))
    return " ".join("".join(kept).split())


def _is_space(letter: str) -> bool:
    return letter.isspace() or unicodedata.category(letter) == "Cc"


def _is_invisible(letter: str) -> bool:
    # The zero-width joiner stays: it joins the parts of an emoji.
    return unicodedata.category(letter) in {"Cf", "Cs", "Co", "Cn"} and letter != "\u200d"
