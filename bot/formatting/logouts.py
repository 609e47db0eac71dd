"""Signing out: the question before it, and what really happened after it."""

import math
from collections.abc import Sequence

from bot.devices import DeviceSessions
from bot.formatting.listing import format_name
from bot.formatting.reader import Reader
from bot.formatting.sessions import Colour
from bot.formatting.text import cut_lines
from bot.models import Attachment, Device, Reply

Numbered = tuple[int, DeviceSessions]


def format_logout_question(device: DeviceSessions, reader: Reader) -> Reply:
    """Ask before one device is signed out."""
    question = reader.text("Sign out {device}?", device=format_name(device, reader))
    count = len(device.sessions)
    lines = [reader.text("All {count} sessions of it.", count=count)] if count > 1 else []
    return _ask(question, lines, [device], reader)


def format_logout_of_others_question(
    kept: DeviceSessions, others: Sequence[Numbered], reader: Reader
) -> Reply:
    """Ask before all devices but one are signed out."""
    question = reader.plural(
        "Sign out {count} other device?", "Sign out {count} other devices?", len(others)
    )
    lines = [
        reader.text("Stays signed in: {device}.", device=format_name(kept, reader)),
        reader.text(
            "I can't see which one you are using now. To keep another, give its number, "
            "as in {example}.",
            example=reader.call(f"logout others {others[0][0]}"),
        ),
        "",
        *(f"{number} · {format_name(each, reader)}" for number, each in others),
    ]
    return _ask(question, lines, [device for _, device in others], reader)


def format_logout(
    wanted: int, logged_out: int, unchecked: int, retry_after: float, reader: Reader
) -> Reply:
    """Say what really happened, counted."""
    if unchecked:
        text = reader.text(
            "I asked your workspace to sign them out, but could not see whether it did. "
            "{sessions} shows what is left.",
            sessions=reader.call("sessions"),
        )
        return Reply(text)
    done = reader.plural("Signed out {count} session", "Signed out {count} sessions", logged_out)
    if logged_out == wanted:
        return Reply(f"{done}.")
    left = reader.plural(
        "{count} is still signed in.", "{count} are still signed in.", wanted - logged_out
    )
    return Reply(f"{done}. {left}{_explain_wait(retry_after, reader)}")


def _explain_wait(retry_after: float, reader: Reader) -> str:
    if not retry_after:
        return ""
    return " " + reader.plural(
        "Your workspace allows only so many at a time: ask again in {count} second.",
        "Your workspace allows only so many at a time: ask again in {count} seconds.",
        max(1, math.ceil(retry_after)),
    )


def _ask(
    question: str, lines: list[str], devices: Sequence[DeviceSessions], reader: Reader
) -> Reply:
    if any(_is_script(device.newest.device) for device in devices):
        warning = reader.text(
            "A script may be signed in with a personal access token. "
            "Signing it out deletes that token too."
        )
        lines = [*lines, warning]
    how = reader.text(
        "Send {confirm} within two minutes to go ahead.", confirm=reader.call("confirm")
    )
    text = "\n".join([*cut_lines(lines, reader), how])
    return Reply(question, Attachment(Colour.AMBER, text=text))


def _is_script(device: Device) -> bool:
    # A program that logged in by `resume` with a personal access token loses the token with its
    # session (server source `Sessions` and `logout.me`, 8.3); its device is recorded as empty.
    return not (device.name or device.os.name)
