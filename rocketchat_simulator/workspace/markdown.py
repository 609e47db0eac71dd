"""What the server reads in a message's text: mentions, addresses, and a little of its markup."""

import re
from collections.abc import Callable
from typing import Final

from rocketchat_simulator.workspace.documents import Document
from rocketchat_simulator.workspace.models import User

_CODE: Final = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)
_MENTION: Final = re.compile(r"(?<![\w@.-])@([\w.-]+)")
_URL: Final = re.compile(r"https?://[^\s<>()\[\]\"'`*]+")
_BARE_ADDRESS: Final = re.compile(r"https?://\d+\.\d+\.\d+\.\d+")
_PIECE: Final = re.compile(
    rf"(?P<bold>\*\*?(?P<strong>[^*\n]+)\*\*?)|{_MENTION.pattern}|(?P<url>{_URL.pattern})"
)


def find_mentions(text: str, find: Callable[[str], User | None]) -> list[Document]:
    """Return the ``mentions`` of a text: people that exist, ``all`` and ``here``; not in code."""
    found: dict[str, Document] = {}
    for name in _MENTION.findall(_CODE.sub(" ", text)):
        if name in {"all", "here"}:
            found[name] = {"_id": name, "username": name}
        elif user := find(name) or find(name.rstrip(".-")):
            found[user.id] = user.as_author() | {"type": "user"}
    return list(found.values())


def find_urls(text: str) -> list[Document]:
    """Return the ``urls`` of a text, before any preview was fetched."""
    return [{"url": url, "meta": {}} for url in _URL.findall(text)]


def parse_text(text: str, *, links_addresses: bool) -> list[Document]:
    """Give ``md``, the parsed text: paragraphs with plain text, bold, mentions and links."""
    lines = text.split("\n")
    return [
        {"type": "PARAGRAPH", "value": _parse_line(line, links_addresses=links_addresses)}
        if line
        else {"type": "LINE_BREAK"}
        for line in lines
    ]


def _parse_line(line: str, *, links_addresses: bool) -> list[Document]:
    nodes: list[Document] = []
    rest = 0
    for piece in _PIECE.finditer(line):
        if (piece["url"] or "") and not links_addresses and _BARE_ADDRESS.match(piece["url"]):
            continue
        if piece.start() > rest:
            nodes.append(_plain(line[rest : piece.start()]))
        nodes.append(_parse_piece(piece))
        rest = piece.end()
    return [*nodes, _plain(line[rest:])] if rest < len(line) else nodes


def _parse_piece(piece: re.Match[str]) -> Document:
    if piece["bold"]:
        return {"type": "BOLD", "value": [_plain(piece["strong"])]}
    if piece["url"]:
        label = [_plain(piece["url"])]
        return {"type": "LINK", "value": {"src": _plain(piece["url"]), "label": label}}
    return {"type": "MENTION_USER", "value": _plain(piece[0].removeprefix("@"))}


def _plain(text: str) -> Document:
    return {"type": "PLAIN_TEXT", "value": text}
