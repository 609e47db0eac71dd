"""Errors as sentences that a person in chat can do something with."""

import math
from datetime import datetime, timedelta

from bot.errors import BotError, Call, RateLimitedError, StorageError, UnreachableError, UserError
from bot.formatting.locale import UserLocale
from bot.formatting.text import escape
from bot.models import Reply


def format_failure(error: BotError, locale: UserLocale, now: datetime) -> str:
    """Say what went wrong, in one sentence or two; the cause goes to the log, not to people."""
    if isinstance(error, UserError):
        values = {name: _format_value(value, locale) for name, value in error.values.items()}
        return locale.text(error.template, **values)
    if isinstance(error, RateLimitedError):
        return _format_busy(error.retry_after, locale, now)
    if isinstance(error, UnreachableError):
        return locale.text("Your workspace did not answer me. Please try again in a minute.")
    if isinstance(error, StorageError):
        return locale.text(
            "I can't reach my own memory just now, so I can't answer. The operator has been told."
        )
    return locale.text(
        "Your workspace gave me an answer that I do not understand. "
        "The operator will find it in the log."
    )


def format_surprise(reference: str, locale: UserLocale) -> str:
    """Say that something unforeseen went wrong; the log has the same reference."""
    return locale.text("Something went wrong. Reference {reference}", reference=reference)


def _format_busy(seconds: float, locale: UserLocale, now: datetime) -> str:
    # To the next whole minute: who comes before the time is refused once more.
    at = now + timedelta(seconds=seconds)
    at = at.replace(second=0, microsecond=0) + timedelta(minutes=1)
    return locale.plural(
        "Too many people are asking me just now. "
        "Please try again at {time}, in about {count} minute.",
        "Too many people are asking me just now. "
        "Please try again at {time}, in about {count} minutes.",
        max(1, round((at - now) / timedelta(minutes=1))),
        time=locale.clock(at),
    )


def _format_value(value: object, locale: UserLocale) -> str:
    if isinstance(value, Call):
        return locale.call(value.words)
    if isinstance(value, tuple):
        return ", ".join(_format_value(each, locale) for each in value)
    return escape(str(value))


def format_hint(locale: UserLocale) -> Reply:
    """Say what the bot is for, to plain talk in a direct message."""
    return Reply(
        locale.text(
            "I tell you which devices are signed in as you. {command} shows what I understand.",
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
    """Say that what was said while the bot was away will not be answered any more."""
    return Reply(
        locale.text(
            "I was away, and what you asked me meanwhile is too long ago to answer. "
            "Please ask me again."
        )
    )


def format_wait(seconds: float, locale: UserLocale) -> Reply:
    """Tell somebody whose question waits for the workspace's rate limit how long it takes."""
    return Reply(
        locale.plural(
            "Your workspace allows only so many questions a minute: "
            "it is your turn in about {count} second.",
            "Your workspace allows only so many questions a minute: "
            "it is your turn in about {count} seconds.",
            max(1, math.ceil(seconds)),
        )
    )
