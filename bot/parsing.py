"""Parses messages into invocations. Pure: no I/O, no clock, no error for any message."""

import re
import unicodedata
from dataclasses import dataclass

from bot.models import Invocation, Message, Sender

_JOINERS = "\u200c\u200d"  # They hold letters and parts of emoji together in names of devices.
_QUOTES = "\"'`´‘’‚‛“”„‟«»‹›"  # noqa: RUF001 - put around ids by keyboards and apps
_EMPHASIS = "*_~|"
_DASHES = re.compile("[\u2010-\u2015\u2212]")
# A link without a label is how clients quote a message (RocketChat/Rocket.Chat#13179).
_QUOTED_MESSAGE = re.compile(r"\[\s*\]\(https?://[^\s()]*\)")
_CODE_FENCE = re.compile(r"```(?:[\w+-]*\n)?")
# What stands before a command: an emoji or its name, a list number, "#" of a heading, other marks.
_MARKS = re.compile(r"(?::[\w+-]+:|\d{1,3}[.)]\s|\d\ufe0f?\u20e3|#+\s|[^\w@#]|_)*")
_SESSION_ID = re.compile(r"[A-Za-z0-9-]{1,64}")
# Rocket.Chat's tokens: 43 characters of base64url (personal access tokens and login tokens), 40 or
# 64 hexadecimal digits (OAuth up to 7.3, and later). Not after "/": links end in such words, too.
_TOKEN = re.compile(r"(?<![\w/-])(?:[A-Za-z0-9_-]{43}|[0-9A-Fa-f]{40}|[0-9A-Fa-f]{64})(?![\w-])")
# Every repetition has a bound, so that the time is linear in the length of the text.
_CALLED_TOKEN = re.compile(
    r"\btoken\b\W{0,5}(?:is\W{1,20})?(?=\S{0,100}\d)[A-Za-z0-9_-]{16}", re.IGNORECASE
)
# In the languages of bot/locales.
_CALLS_FOR_HELP = (
    *("help", "hilf", "ayuda", "ayúdame", "aide", "ajuda", "помощь", "помоги", "помогите"),
    *("pomoc", "pomóż", "ヘルプ", "助けて"),
)


@dataclass(slots=True)
class Listener:
    """The bot's own account, replaced when it was renamed, and the prefix of commands."""

    bot: Sender
    prefix: str

    def replace_bot(self, bot: Sender) -> None:
        """Listen under the name that the bot has now."""
        self.bot = bot


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
    # The server puts the bot's present name here, so a new name works at once.
    username = message.mentions.get(listener.bot.id)
    is_mentioned = username is not None
    if not (is_private or is_mentioned):
        return None
    text = _CODE_FENCE.sub(" ", _QUOTED_MESSAGE.sub(" ", _drop_invisible(message.text, _JOINERS)))
    words = _strip_mention(text, username or listener.bot.username)
    marks = _MARKS.match(words)[0]  # type: ignore[index] # it matches the empty text, too
    first, _, rest = _strip_closing(words[len(marks) :], marks).partition(" ")
    name = _fold_name(first)
    if not name and not is_mentioned:
        return None
    is_prefixed = is_mentioned or _ends_with_prefix(_fold(marks), _fold(listener.prefix))
    return Invocation(name or "help", rest.strip(), message, is_prefixed)


def parse_name(words: str) -> str:
    """Return the first word as the name of a command, as in ``!help `!session` ``."""
    marks = _MARKS.match(words)[0]  # type: ignore[index] # it matches the empty text, too
    return _fold_name(words[len(marks) :].partition(" ")[0])


def is_question(text: str) -> bool:
    """Return whether it asks the bot something: ``?``, ``what can you do?``, ``hilfe``."""
    plain = _fold(_drop_invisible(_QUOTED_MESSAGE.sub("", text))).strip()
    return plain.rstrip(_QUOTES + _EMPHASIS).endswith("?") or plain.lstrip("¡").startswith(
        _CALLS_FOR_HELP
    )


def has_token(text: str) -> bool:
    """Return whether the text has something that looks like one of Rocket.Chat's tokens."""
    plain = unicodedata.normalize("NFKC", _drop_invisible(text))
    return bool(_TOKEN.search(plain) or _CALLED_TOKEN.search(plain))


def parse_session_words(words: str) -> str:
    """Strip what surrounds a pasted session id, number or word: quotes, blanks, full width."""
    plain = words if words.isascii() else _drop_invisible(fold_dashes(words))
    return plain.strip().strip(_QUOTES + _EMPHASIS + "<>()[]#.,;: ").strip()


def parse_quoted(words: str) -> str:
    """Return words without the quotes around them, and with single blanks."""
    return _unwrap(" ".join(words.split()))


def fold_dashes(text: str) -> str:
    """Return the text with plain hyphens and without full width: phones make dashes of hyphens."""
    return _DASHES.sub("-", unicodedata.normalize("NFKC", text))


def is_session_id(words: str) -> bool:
    """Return whether it can be a session id or the beginning of one: letters, digits, hyphens."""
    return _SESSION_ID.fullmatch(words) is not None


def _strip_mention(text: str, username: str) -> str:
    if "@" not in text:
        return " ".join(text.split())
    mention = re.compile(rf"(?<![\w.+-])@{re.escape(username)}(?![\w.-]*\w)", re.IGNORECASE)
    found = mention.search(text)
    if found is None:
        return " ".join(text.split())
    after, before = text[found.end() :], text[: found.start()]
    has_words = re.search(r"\w", after) is not None
    return " ".join((after if has_words else before).split())


def _unwrap(words: str) -> str:
    is_wrapped = len(words) > 1 and words[0] in _QUOTES and words[-1] in _QUOTES
    return words.strip(_QUOTES).strip() if is_wrapped else words


def _strip_closing(words: str, marks: str) -> str:
    """Strip quotes and emphasis that were opened before the command from its end."""
    opened = set(marks)
    closing = "".join(opened & set(_EMPHASIS)) + (_QUOTES if opened & set(_QUOTES) else "")
    return words.rstrip(closing + " ") if closing else words


def _ends_with_prefix(marks: str, prefix: str) -> bool:
    # A blank may follow, which keyboards of phones add, and emphasis: `!**session** 2`.
    _, found, after = marks.rpartition(prefix)
    return bool(found) and not after.strip(_QUOTES + _EMPHASIS + " ")


def _fold_name(word: str) -> str:
    return _drop_invisible(_fold(word)).strip(_QUOTES + _EMPHASIS + ".,;:?!()")


def _fold(text: str) -> str:
    return (text if text.isascii() else unicodedata.normalize("NFKC", text)).casefold()


def _drop_invisible(text: str, kept: str = "") -> str:
    """Drop what Unicode calls format characters (category Cf)."""
    if text.isascii():
        return text
    return "".join(each for each in text if each in kept or unicodedata.category(each) != "Cf")
