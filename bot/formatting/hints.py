"""One line that nobody asked for: what the bot is for, why it is late or silent."""

import math

from bot.formatting.reader import Reader
from bot.models import Reply


def format_hint(reader: Reader) -> Reply:
    """Say what the bot is for, to plain talk in a direct message."""
    return Reply(
        reader.text(
            "I tell you which devices are signed in as you. {command} shows what I understand.",
            command=reader.call("help"),
        )
    )


def format_encrypted(reader: Reader) -> Reply:
    """Explain that an encrypted message cannot be read."""
    return Reply(
        reader.text(
            "This room is encrypted, so I can't read what you write here. "
            "Turn encryption off for this room, or write to me in another direct message."
        )
    )


def format_away(reader: Reader) -> Reply:
    """Say that what was said while the bot was away will not be answered any more."""
    return Reply(
        reader.text(
            "I was away, and what you asked me meanwhile is too long ago to answer. "
            "Please ask me again."
        )
    )


def format_wait(seconds: float, reader: Reader) -> Reply:
    """Tell somebody whose question waits for the workspace's rate limit how long it takes."""
    return Reply(
        reader.plural(
            "Your workspace allows only so many questions a minute: "
            "it is your turn in about {count} second.",
            "Your workspace allows only so many questions a minute: "
            "it is your turn in about {count} seconds.",
            max(1, math.ceil(seconds)),
        )
    )
