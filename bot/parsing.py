"""Parses messages into invocations. Pure: no I/O, no clock, no error for any message."""

import re
import unicodedata
from dataclasses import dataclass

from bot.models import Invocation, Message, Sender

_ZERO_WIDTH = re.compile("[\u200b\u2060\ufeff\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_QUOTES = "\"'`´‘’‚‛“”„‟«»‹›"  # noqa: RUF001 - put around ids by keyboards and apps
_SESSION_ID = re.compile(r"[A-Za-z0-9-]{1,64}")
# Rocket.Chat's tokens: 43 characters of base64url (personal access tokens and login tokens), 40 or
# 64 hexadecimal digits (OAuth up to 7.3, and later). Not after "/": links end in such words, too.
_TOKEN = re.compile(r"(?<![\w/-])(?:[A-Za-z0-9_-]{43}|[0-9A-Fa-f]{40}|[0-9A-Fa-f]{64})(?![\w-])")
_CALLED_TOKEN = re.compile(r"\btoken\b\W{0,5}(?:is\W+)?(?=\S*\d)[A-Za-z0-9_-]{16,}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Listener:
    """The bot's own account, and the prefix that commands begin with."""

    bot: Sender
    prefix: str


def is_spoken_by_a_person(message: Message, bot: Sender) -> bool:
    """Return whether a person wrote it: no echo, edit, system message or integration."""
    return (
        message.sender.id != bot.id
        and message.is_participant
        and not message.is_automatic
        and not message.system_type
        and message.edited_at is None
    )


def parse(message: Message, listener: Listener, *, is_private: bool) -> Invocation | None:
    """Parse a message as an invocation; return None where it is not meant for the bot.

    ``is_private`` says that only the sender and the bot read the room: there the prefix and the
    mention may be left out. Elsewhere the bot must be mentioned.
    """
    text = _ZERO_WIDTH.sub("", message.text).strip()
    is_mentioned = listener.bot.id in message.mentioned_ids
    if not (is_private or is_mentioned):
        return None
    words = _strip_mention(text, listener.bot.username)
    name, is_prefixed = _parse_name(words, listener.prefix)
    rest = _unwrap(words).partition(" ")[2] if name else ""
    if not name and not is_mentioned:
        return None
    return Invocation(name or "help", rest.strip(), message, is_prefixed or is_mentioned)


def has_token(text: str) -> bool:
    """Return whether the text has something that looks like one of Rocket.Chat's tokens."""
    plain = unicodedata.normalize("NFKC", _ZERO_WIDTH.sub("", text))
    return bool(_TOKEN.search(plain) or _CALLED_TOKEN.search(plain))


def parse_session_words(words: str) -> str:
    """Strip what surrounds a pasted session id, number or word: quotes, blanks, full width."""
    plain = words
    if not words.isascii():
        letters = unicodedata.normalize("NFKC", words)
        plain = "".join(letter for letter in letters if unicodedata.category(letter) != "Cf")
    return plain.strip().strip(_QUOTES + "<>()[]#.,;: ").strip()


def is_session_id(words: str) -> bool:
    """Return whether it can be a session id or the beginning of one: letters, digits, hyphens."""
    return _SESSION_ID.fullmatch(words) is not None


def _strip_mention(text: str, username: str) -> str:
    if "@" not in text:
        return " ".join(text.split())
    mention = re.compile(rf"(?<!\S)@{re.escape(username)}(?![\w.-]*\w)[:,]?", re.IGNORECASE)
    found = mention.search(text)
    if found is None:
        return " ".join(text.split())
    after, before = text[found.end() :], text[: found.start()]
    return " ".join((after if after.strip() else before).split())


def _unwrap(words: str) -> str:
    is_wrapped = len(words) > 1 and words[0] in _QUOTES and words[-1] in _QUOTES
    return words.strip(_QUOTES).strip() if is_wrapped else words


def _fold(text: str) -> str:
    return (text if text.isascii() else unicodedata.normalize("NFKC", text)).casefold()


def _parse_name(words: str, prefix: str) -> tuple[str, bool]:
    first = _fold(_unwrap(words).partition(" ")[0])
    bare = first.removeprefix(_fold(prefix))
    name = bare.strip(_QUOTES + ".,;:?")
    return (name if any(map(str.isalnum, name)) else ""), bare != first
