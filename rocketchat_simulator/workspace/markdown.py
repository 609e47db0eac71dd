"""Parse a message's text as the server does: mentions, URLs, and some of its markup."""

import re
from collections.abc import Callable, Collection
from typing import Final

from rocketchat_simulator.workspace.documents import Document
from rocketchat_simulator.workspace.models import User

_CODE: Final = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)
_MENTION: Final = re.compile(r"(?<![\w@.-])@([\w.-]+)")
_CHANNEL: Final = re.compile(r"(?<![\w#&/.-])#([\w.-]+)")
_FENCE: Final = "```"
_URL: Final = re.compile(r"https?://[^\s<>()\[\]\"'`*]+")
_IP_ADDRESS_URL: Final = re.compile(r"https?://\d+\.\d+\.\d+\.\d+")
_PIECE: Final = re.compile(
    rf"(?P<bold>\*\*?(?P<strong>[^*\n]+)\*\*?)|{_MENTION.pattern}|(?P<url>{_URL.pattern})"
    rf"|(?P<channel>{_CHANNEL.pattern})"
)


def find_mentions(text: str, find: Callable[[str], User | None]) -> list[Document]:
    """Return the ``mentions`` of a text: existing users, ``all`` and ``here``; not in code."""
    found: dict[str, Document] = {}
    for name in _MENTION.findall(_CODE.sub(" ", text)):
        if name in {"all", "here"}:
            found[name] = {"_id": name, "username": name}
        elif user := find(name) or find(name.rstrip(".-")):
            found[user.id] = user.as_author() | {"type": "user"}
    return list(found.values())


def find_channel_names(text: str) -> list[str]:
    """Return the names after ``#`` in a text, each once; not in code."""
    if "#" not in text:
        return []
    return list(dict.fromkeys(_CHANNEL.findall(_CODE.sub(" ", text))))


def close_code_block(text: str) -> str:
    """Return the text with its last code block closed (source: ``Markdown.code``)."""
    return text + f"\n{_FENCE}" if text.count(_FENCE) % 2 else text


def find_urls(text: str, previewed: Collection[str] | None = None) -> list[Document]:
    """Return the ``urls`` of a text, without previews.

    With ``previewed`` the server will fetch previews of these links only.
    """
    return [
        {"url": url, "meta": {}}
        | ({} if previewed is None or url in previewed else {"ignoreParse": True})
        for url in dict.fromkeys(_URL.findall(text))
    ]


def parse_text(text: str, *, links_addresses: bool) -> list[Document]:
    """Return ``md``, the parsed text: paragraphs with plain text, bold, mentions and links."""
    lines = text.split("\n")
    return [
        {"type": "PARAGRAPH", "value": _parse_line(line, links_addresses=links_addresses)}
        if line
        else {"type": "LINE_BREAK"}
        for line in lines
    ]


def _parse_line(line: str, *, links_addresses: bool) -> list[Document]:
    nodes: list[Document] = []
    end = 0
    for piece in _PIECE.finditer(line):
        if (piece["url"] or "") and not links_addresses and _IP_ADDRESS_URL.match(piece["url"]):
            continue
        if piece.start() > end:
            nodes.append(_make_plain(line[end : piece.start()]))
        nodes.append(_parse_piece(piece))
        end = piece.end()
    return [*nodes, _make_plain(line[end:])] if end < len(line) else nodes


def _parse_piece(piece: re.Match[str]) -> Document:
    if piece["bold"]:
        return {"type": "BOLD", "value": [_make_plain(piece["strong"])]}
    if piece["url"]:
        label = [_make_plain(piece["url"])]
        return {"type": "LINK", "value": {"src": _make_plain(piece["url"]), "label": label}}
    if piece["channel"]:
        return {"type": "MENTION_CHANNEL", "value": _make_plain(piece["channel"][1:])}
    return {"type": "MENTION_USER", "value": _make_plain(piece[0].removeprefix("@"))}


def _make_plain(text: str) -> Document:
    return {"type": "PLAIN_TEXT", "value": text}
