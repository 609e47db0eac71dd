"""What the bot says about messages themselves: not a command, encrypted, too old, or waiting."""

import math

from bot.delivery.reply_throttle import REPLIES_PER_MINUTE
from bot.formatting.locale import UserLocale
from bot.models import Reply


def format_hint(locale: UserLocale) -> Reply:
    """Say what the bot is for, in reply to a direct message that is no command."""
    return Reply(
        locale.text(
            "I tell you which devices are signed in as you. {command} lists what I understand.",
            command=locale.call("help"),
        )
    )


def format_encrypted(locale: UserLocale) -> Reply:
    """Explain that an encrypted message cannot be read."""
    return Reply(
        locale.text(
            "This room is encrypted, so I can't read what you write here. "
            "Turn encryption off for this room, or write to me in another direct message."
        )
    )


def format_away(locale: UserLocale) -> Reply:
    """Say that messages sent while the bot was offline will not be answered any more."""
    return Reply(
        locale.text(
            "I was offline, and what you asked me in the meantime is too long ago to answer. "
            "Please ask me again."
        )
    )


def format_wait(seconds: float, locale: UserLocale) -> Reply:
    """Say how long the answer has to wait for the workspace's rate limit."""
    return Reply(
        locale.plural(
            "Your workspace limits how many questions I can answer in a minute: "
            "it is your turn in about {count} second.",
            "Your workspace limits how many questions I can answer in a minute: "
            "it is your turn in about {count} seconds.",
            max(1, math.ceil(seconds)),
        )
    )


def format_too_fast(wait_s: float, locale: UserLocale) -> Reply:
    """Say that a person's messages come too fast to be answered."""
    return Reply(
        locale.plural(
            "Too fast: I answer {limit} messages a minute from one person. I leave out this one "
            "and all that follow. Ask again in {count} second.",
            "Too fast: I answer {limit} messages a minute from one person. I leave out this one "
            "and all that follow. Ask again in {count} seconds.",
            max(1, math.ceil(wait_s)),
            limit=REPLIES_PER_MINUTE,
        )
    )


def format_crowded(wait_s: float, locale: UserLocale) -> Reply:
    """Say that too many people who are not connected ask in one room."""
    return Reply(
        locale.plural(
            "Too many people ask me here at once. Write to me in a direct message, or ask again "
            "in {count} second.",
            "Too many people ask me here at once. Write to me in a direct message, or ask again "
            "in {count} seconds.",
            max(1, math.ceil(wait_s)),
        )
    )


def format_database_trouble(locale: UserLocale) -> Reply:
    """Say that the answer has to wait for the database."""
    return Reply(
        locale.text(
            "My database can't be reached right now. I will answer as soon as it is back; "
            "the operator has been told."
        )
    )
