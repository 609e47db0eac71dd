"""Errors as sentences that help the person to go on."""

from datetime import datetime, timedelta

from bot.errors import BotError, Call, RateLimitedError, StorageError, UnreachableError, UserError
from bot.formatting.locale import UserLocale
from bot.formatting.text import escape


def format_failure(error: BotError, locale: UserLocale, now: datetime) -> str:
    """Say what went wrong in one or two sentences, without the cause, which is in the log."""
    if isinstance(error, UserError):
        values = {name: _format_value(value, locale) for name, value in error.values.items()}
        return locale.text(error.template, **values)
    if isinstance(error, RateLimitedError):
        return _format_busy(error.retry_after, locale, now)
    if isinstance(error, UnreachableError):
        return locale.text("Your workspace did not answer me. Please try again in a minute.")
    if isinstance(error, StorageError):
        return locale.text(
            "My database can't be reached right now, so I can't answer. The operator has been told."
        )
    return locale.text(
        "Your workspace gave me an answer that I do not understand. "
        "The operator will find it in the log."
    )


def format_unexpected(reference: str, locale: UserLocale) -> str:
    """Say that something unexpected went wrong; the log has the same reference."""
    return locale.text("Something went wrong. Reference {reference}", reference=reference)


def _format_busy(seconds: float, locale: UserLocale, now: datetime) -> str:
    # Rounded up to a whole minute: a call before the time is refused again.
    at = now + timedelta(seconds=seconds)
    at = at.replace(second=0, microsecond=0) + timedelta(minutes=1)
    return locale.plural(
        "Too many people are asking me right now. "
        "Please try again at {time}, in about {count} minute.",
        "Too many people are asking me right now. "
        "Please try again at {time}, in about {count} minutes.",
        max(1, round((at - now) / timedelta(minutes=1))),
        time=locale.clock(at),
    )


def _format_value(value: object, locale: UserLocale) -> str:
    if isinstance(value, Call):
        return locale.call(value.words)
    if isinstance(value, tuple):
        return locale.join(_format_value(each, locale) for each in value)
    return escape(str(value))
