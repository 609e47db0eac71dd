"""Errors as sentences that a person in chat can do something with."""

from datetime import datetime, timedelta

from bot.errors import BotError, Call, RateLimitedError, StorageError, UnreachableError, UserError
from bot.formatting.reader import Reader
from bot.formatting.text import neutralise


def format_failure(error: BotError, reader: Reader, now: datetime) -> str:
    """Say what went wrong, in one sentence or two; the cause goes to the log, not to people."""
    if isinstance(error, UserError):
        values = {name: _format_value(value, reader) for name, value in error.values.items()}
        return reader.text(error.template, **values)
    if isinstance(error, RateLimitedError):
        return _format_busy(error.retry_after, reader, now)
    if isinstance(error, UnreachableError):
        return reader.text("Your workspace did not answer me. Please try again in a minute.")
    if isinstance(error, StorageError):
        return reader.text(
            "I can't reach my own memory just now, so I can't answer. The operator has been told."
        )
    return reader.text(
        "Your workspace gave me an answer that I do not understand. "
        "The operator will find it in the log."
    )


def format_surprise(reference: str, reader: Reader) -> str:
    """Say that something unforeseen went wrong; the log has the same reference."""
    return reader.text("Something went wrong. Reference {reference}", reference=reference)


def _format_busy(seconds: float, reader: Reader, now: datetime) -> str:
    # To the next whole minute: who comes before the time is refused once more.
    at = now + timedelta(seconds=seconds)
    at = at.replace(second=0, microsecond=0) + timedelta(minutes=1)
    return reader.plural(
        "Too many people are asking me just now. "
        "Please try again at {time}, in about {count} minute.",
        "Too many people are asking me just now. "
        "Please try again at {time}, in about {count} minutes.",
        max(1, round((at - now) / timedelta(minutes=1))),
        time=reader.clock(at),
    )


def _format_value(value: object, reader: Reader) -> str:
    if isinstance(value, Call):
        return reader.call(value.words)
    if isinstance(value, tuple):
        return ", ".join(_format_value(each, reader) for each in value)
    return neutralise(str(value))
