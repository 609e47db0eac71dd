"""Questions before devices are signed out, and what became of it."""

import math
from collections.abc import Sequence

from bot.features.sessions.devices import DeviceSessions, NumberedDevice
from bot.features.sessions.messages import format_name
from bot.features.sessions.sessions import LogoutOutcome
from bot.formatting.colours import Colour
from bot.formatting.locale import UserLocale
from bot.formatting.text import cut_lines
from bot.models import Attachment, Device, Reply


def format_logout_question(device: DeviceSessions, locale: UserLocale) -> Reply:
    """Ask before one device is signed out."""
    question = locale.text("Sign out {device}?", device=format_name(device, locale))
    count = len(device.sessions)
    lines = []
    if count > 1:
        lines = [locale.text("This signs out all {count} of its sessions.", count=count)]
    return _ask(question, lines, [device], locale)


def format_logout_of_others_question(
    kept: DeviceSessions, others: Sequence[NumberedDevice], locale: UserLocale
) -> Reply:
    """Ask before all devices but one are signed out."""
    question = locale.plural(
        "Sign out {count} other device?", "Sign out {count} other devices?", len(others)
    )
    lines = [
        locale.text("Stays signed in: {device}.", device=format_name(kept, locale)),
        locale.text(
            "I can't see which one you are using now. To keep another, add its number, "
            "for example {example}.",
            example=locale.call(f"logout others {others[0][0]}"),
        ),
        "",
        *(f"{number} · {format_name(each, locale)}" for number, each in others),
    ]
    return _ask(question, lines, [device for _, device in others], locale)


def format_logout(outcome: LogoutOutcome, locale: UserLocale) -> Reply:
    """Say how many sessions were signed out, and how many were not."""
    if outcome.unchecked:
        text = locale.text(
            "I asked your workspace to sign them out, but could not check whether it worked. "
            "{sessions} shows what is left.",
            sessions=locale.call("sessions"),
        )
        return Reply(text)
    done = locale.plural(
        "Signed out {count} session", "Signed out {count} sessions", len(outcome.logged_out)
    )
    if not outcome.still_there:
        return Reply(f"{done}.")
    left = locale.plural(
        "{count} is still signed in.", "{count} are still signed in.", len(outcome.still_there)
    )
    return Reply(f"{done}. {left}{_explain_limit(outcome.retry_after, locale)}")


def _explain_limit(retry_after: float, locale: UserLocale) -> str:
    if not retry_after:
        return ""
    return " " + locale.plural(
        "Your workspace limits how many can be signed out at a time: try again in {count} second.",
        "Your workspace limits how many can be signed out at a time: try again in {count} seconds.",
        max(1, math.ceil(retry_after)),
    )


def _ask(
    question: str, lines: list[str], devices: Sequence[DeviceSessions], locale: UserLocale
) -> Reply:
    if any(_may_be_script(device.newest.device) for device in devices):
        warning = locale.text(
            "A script may be signed in with a personal access token. "
            "Signing it out deletes that token too."
        )
        lines = [*lines, warning]
    how = locale.text(
        "Send {confirm} within two minutes to go ahead.", confirm=locale.call("confirm")
    )
    text = "\n".join([*cut_lines(lines, locale), how])
    return Reply(question, Attachment(Colour.AMBER, text=text))


def _may_be_script(device: Device) -> bool:
    # A program that logged in by `resume` with a personal access token loses the token with its
    # session (server source `Sessions` and `logout.me`, 8.3); its device is recorded as empty.
    return not (device.name or device.os.name)
