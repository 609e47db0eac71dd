"""One line for those who did not ask for anything the bot can do."""

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
