"""Questions before devices are signed out, and what became of it."""

import math
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime

from bot.features.confirmations import make_buttons
from bot.features.sessions.devices import DeviceSessions, NumberedDevice, may_be_script
from bot.features.sessions.list_messages import list_devices, make_more_buttons
from bot.features.sessions.messages import format_name, format_title
from bot.features.sessions.sessions import LogoutOutcome
from bot.formatting.colours import Colour
from bot.formatting.locale import UserLocale
from bot.formatting.text import LINES_LIMIT, cut_lines
from bot.models import Attachment, Fact, Reply


def format_logout_question(device: DeviceSessions, locale: UserLocale, reference: str) -> Reply:
    """Ask before one device is signed out; ``reference`` is the question's."""
    question = locale.text("Sign out this device: {device}?", device=format_name(device, locale))
    count = len(device.sessions)
    lines = []
    if count > 1:
        lines = [locale.text("This signs out all {count} of its sessions.", count=count)]
    return _ask(question, lines, [device], locale, reference)


def format_logout_of_others_question(
    kept: DeviceSessions, others: Sequence[NumberedDevice], locale: UserLocale, reference: str
) -> Reply:
    """Ask before all devices but one are signed out; ``reference`` is the question's."""
    question = locale.plural(
        "Sign out {count} other device?", "Sign out {count} other devices?", len(others)
    )
    lines = [
        locale.text("Stays signed in: {device}.", device=format_name(kept, locale)),
        locale.text(
            "To keep another, add its number: {command}.",
            command=locale.call("logout others <number>"),
        ),
        "",
        *(f"{number} · {format_name(each, locale)}" for number, each in others),
        "",
    ]
    return _ask(question, lines, [device for _, device in others], locale, reference)


def format_choice_of_kept(
    numbered: Sequence[NumberedDevice],
    announced: Collection[str],
    locale: UserLocale,
    now: datetime,
) -> Reply:
    """Ask which device stays signed in; those whose keys are ``announced`` are marked as new."""
    text = locale.text(
        "I can't see which one you are using now. {command} keeps the device with that number and "
        "signs out all the others, after you confirm it.",
        command=locale.call("logout others <number>"),
    )
    facts = tuple(list_devices(numbered, locale, now, announced))
    question = locale.text("Which device stays signed in?")
    return Reply(
        question,
        Attachment(Colour.AMBER, text=text, facts=facts),
        buttons=make_more_buttons(len(numbered), locale),
    )


def format_logout_everywhere_question(locale: UserLocale, reference: str) -> Reply:
    """Ask before everything is signed out at once; ``reference`` is the question's."""
    return _ask(
        locale.text("Sign out everything that is signed in as you?"),
        [
            locale.text(
                "Every browser, phone and computer is signed out at once, and you too. "
                "Then sign in again and change your password."
            ),
            _explain_tokens(locale),
        ],
        [],
        locale,
        reference,
    )


def format_slow_logout_question(
    devices: Sequence[DeviceSessions], locale: UserLocale, reference: str
) -> Reply:
    """Ask before everything is signed out one after the other, as OAuth allows."""
    return _ask(
        locale.text("Sign out everything that is signed in as you?"),
        [
            locale.text(
                "With the permission that you gave me I have to sign out one session after the "
                "other, which may take some minutes; yours is among them. A personal access token "
                "lets me do it at once: {connect}.",
                connect=locale.call("connect"),
            ),
            locale.text("Afterwards sign in again and change your password."),
            "",
            *(format_name(each, locale) for each in devices),
            "",
        ],
        devices,
        locale,
        reference,
    )


def format_logout_everywhere(locale: UserLocale) -> Reply:
    """Say that everything is signed out, and what is left to do."""
    lines = [
        _advise_password(locale),
        _explain_tokens(locale),
        locale.text(
            "Rocket.Chat may go on listing some devices for a few minutes: they are signed out all "
            "the same. Only a script that {sessions} shows may still be signed in.",
            sessions=locale.call("sessions"),
        ),
    ]
    lead = locale.text("Every browser, phone and computer that was signed in as you is signed out.")
    return Reply(lead, Attachment(Colour.GREEN, text="\n".join(lines)))


def format_slow_logout(
    outcome: LogoutOutcome, devices: Sequence[tuple[str, Sequence[str]]], locale: UserLocale
) -> Reply:
    """Say what was signed out one after the other, and what is left to do."""
    reply = format_logout(outcome, devices, locale)
    block = reply.attachment or Attachment(Colour.GREEN)
    advice = [_advise_password(locale)]
    if outcome.still_there or not outcome.is_checked:
        again = locale.text("{all} goes on with the rest.", all=locale.call("logout all"))
        advice = [again, *advice]
    return replace(reply, attachment=replace(block, text="\n".join(advice)))


def format_logout_progress(done: int, total: int, locale: UserLocale) -> str:
    """Say how far it is."""
    return locale.plural(
        "{done} of {count} session is signed out so far.",
        "{done} of {count} sessions are signed out so far.",
        total,
        done=done,
    )


def format_failed_logout(problem: str, locale: UserLocale) -> str:
    """Say that nothing was signed out; ``problem`` is a translated sentence."""
    nothing = locale.text("Nothing has been signed out.")
    again = locale.text("Then send {all} once more.", all=locale.call("logout all"))
    return f"{nothing} {problem} {again}"


def format_unknown_logout(locale: UserLocale) -> Reply:
    """Say that the workspace did not tell whether everything is signed out."""
    lead = locale.text("I don't know whether everything is signed out.")
    text = locale.text(
        "I asked your workspace to sign out everything, but got no clear answer. Did you have to "
        "sign in again to read this? Then it has worked. If not, send {all} once more.",
        all=locale.call("logout all"),
    )
    return Reply(lead, Attachment(Colour.AMBER, text=f"{text}\n{_advise_password(locale)}"))


def name_devices(
    devices: Sequence[DeviceSessions], locale: UserLocale
) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return the name of each device, with the ids of its sessions."""
    return tuple((format_title(device, locale), tuple(device.ids)) for device in devices)


def format_logout(
    outcome: LogoutOutcome, devices: Sequence[tuple[str, Sequence[str]]], locale: UserLocale
) -> Reply:
    """Say which devices were signed out, and which were not; ``devices`` as by ``name_devices``."""
    if not outcome.is_checked:
        text = locale.text(
            "I asked your workspace to sign them out, but could not check whether it worked. "
            "{sessions} shows what is left.",
            sessions=locale.call("sessions"),
        )
        asked = [(locale.text("Not checked"), [name for name, _ in devices])]
        return Reply(text, _list_names(asked, Colour.AMBER, locale))
    left = [name for name, ids in devices if not set(ids).isdisjoint(outcome.still_there)]
    gone = [name for name, ids in devices if set(ids).isdisjoint(outcome.still_there)]
    said = []
    if len(gone) == 1:
        said.append(locale.text("Signed out: {device}.", device=gone[0]))
    elif gone or not left:
        said.append(
            locale.plural("Signed out {count} device.", "Signed out {count} devices.", len(gone))
        )
    if left:
        said.append(
            locale.plural("{count} is still signed in.", "{count} are still signed in.", len(left))
        )
    if left and outcome.retry_after:
        said.append(_explain_limit(outcome.retry_after, locale))
    names = [(locale.text("Signed out"), gone), (locale.text("Still signed in"), left)]
    # The first line has named a single one that is gone.
    listed = _list_names(names, Colour.AMBER if left else Colour.GREEN, locale)
    return Reply(" ".join(said), None if len(gone) == 1 and not left else listed)


def _advise_password(locale: UserLocale) -> str:
    return locale.text("Now change your password: anyone who knows it can sign in again.")


def _explain_tokens(locale: UserLocale) -> str:
    # Neither is a login token (source ``removeNonPATLoginTokensExcept``; seen on 6.5.3 and 8.3).
    return locale.text(
        "Personal access tokens stay valid, the one you gave me too, and so do permissions of "
        'apps. Delete those you do not recognise: your profile, "Personal Access Tokens".'
    )


def _list_names(
    names: Sequence[tuple[str, Sequence[str]]], colour: Colour, locale: UserLocale
) -> Attachment:
    """List names under titles, without those titles that have none."""
    return Attachment(
        colour,
        facts=tuple(
            Fact(
                title,
                "\n".join(cut_lines(each, locale, LINES_LIMIT // len(names))),
                is_short=False,
            )
            for title, each in names
            if each
        ),
    )


def _explain_limit(retry_after: float, locale: UserLocale) -> str:
    return locale.plural(
        "Your workspace limits how many can be signed out at a time: try again in {count} second.",
        "Your workspace limits how many can be signed out at a time: try again in {count} seconds.",
        max(1, math.ceil(retry_after)),
    )


def _ask(
    question: str,
    lines: list[str],
    devices: Sequence[DeviceSessions],
    locale: UserLocale,
    reference: str,
) -> Reply:
    if any(may_be_script(device.newest.device) for device in devices):
        warning = locale.text(
            "A script may be signed in with a personal access token. "
            "Signing it out deletes that token too."
        )
        lines = [*lines, warning]
    how = locale.text(
        "Send {confirm} within two minutes to go ahead.", confirm=locale.call("confirm")
    )
    text = "\n".join([*cut_lines(lines, locale), how])
    return Reply(
        question, Attachment(Colour.AMBER, text=text), buttons=make_buttons(reference, locale)
    )
