from collections.abc import Sequence
from dataclasses import replace

from bot.commands.registry import Context, command
from bot.errors import Call, NotConnectedError, UsageError
from bot.features.confirmations import Action, ActionKind
from bot.features.sessions.devices import DeviceSessions, find_own_device
from bot.features.sessions.logout_messages import (
    format_choice_of_kept,
    format_logout_everywhere_question,
    format_logout_of_others_question,
    format_logout_question,
    format_slow_logout_question,
    name_devices,
)
from bot.features.sessions.messages import format_name
from bot.models import Reply
from bot.parsing import parse_session_words


@command(
    "logout <id or number>",
    "logout device <id or number>",
    "logout others",
    "logout all",
    examples=("logout 2", "logout others", "logout others 3", "logout all"),
    rank=3,
)
async def logout(context: Context) -> Reply:
    """Sign out one of your devices, all the others, or everything.

    I ask you first, and check afterwards whether it worked. "device" signs out every session of
    that device, those begun since your list, too. "others" signs out all devices but one, whose
    number you add. Without a number I ask which one, unless I have told you of all others as new.

    "all" is for an emergency: everything that is signed in as you is signed out at once, you too.
    Sign in again, then change your password.
    """
    words = parse_session_words(context.words)
    first, _, rest = words.partition(" ")
    option, rest = first.casefold(), parse_session_words(rest)
    if not words or (option == "device" and not rest):
        raise UsageError(
            "Which session? Add its id, or its number from {sessions}, for example {example}.",
            sessions=Call("sessions"),
            example=Call("logout 2"),
        )
    if option == "others":
        return await _ask_about_others(context, rest)
    if option == "device":
        return await _ask_about_device(context, rest)
    if option == "all":
        return await _ask_about_everything(context)
    return await _ask_about_one(context, words)


async def _ask_about_one(context: Context, words: str) -> Reply:
    device = await context.sessions.find_device(context.asker.id, words)
    if device.newest.logged_out_at:
        return _say_signed_out(device, context)
    return format_logout_question(device, context.locale, await _ask(context, [device]))


async def _ask_about_device(context: Context, words: str) -> Reply:
    known = await context.sessions.find_device(context.asker.id, words)
    found = await context.sessions.fetch_of_same_device(context.asker.id, known.newest)
    if not found:
        return _say_signed_out(known, context)
    device = replace(known, sessions=found)
    return format_logout_question(device, context.locale, await _ask(context, [device]))


def _say_signed_out(device: DeviceSessions, context: Context) -> Reply:
    shown = format_name(device, context.locale)
    return Reply(context.locale.text("{device} is already signed out.", device=shown))


async def _ask_about_others(context: Context, keep: str) -> Reply:
    sessions, user_id, locale = context.sessions, context.asker.id, context.locale
    # Before the list is numbered again: the number is of the list that the person has seen.
    kept_ids = set(await sessions.find_ids(user_id, keep)) if keep else set()
    # Fresh: a device that an alert has just told of must be among those that go.
    devices = await sessions.fetch_numbered_devices(user_id, is_fresh=True)
    numbered = list(enumerate(devices, 1))
    kept = [device for device in devices if kept_ids & set(device.ids)]
    if keep and not kept:
        raise UsageError(
            "The device to keep is no longer signed in. See {list}.", list=Call("sessions")
        )
    if len(devices) < 2:  # noqa: PLR2004 - one, and others
        return Reply(locale.text("There is no other session to sign out."))
    if not kept:
        announced = await context.alerts.load_announced(user_id)
        own = find_own_device(devices, announced, context.now)
        if own is None:
            return format_choice_of_kept(numbered, announced, locale, context.now)
        kept = [own]
    others = [(number, device) for number, device in numbered if device not in kept]
    reference = await _ask(context, [device for _, device in others])
    return format_logout_of_others_question(kept[0], others, locale, reference)


async def _ask_about_everything(context: Context) -> Reply:
    account = context.account
    if account is None:
        raise NotConnectedError(
            "To sign you out everywhere at once I need a personal access token of yours.",
            is_said_unlicensed=True,
        )
    locale, user_id, devices = context.locale, context.asker.id, None
    if account.is_oauth:
        devices = await context.sessions.fetch_devices(user_id, is_fresh=True)
    reference = await context.confirmations.ask(
        user_id, context.room_id, Action(kind=ActionKind.LOG_OUT_EVERYWHERE), context.question.id
    )
    if devices is None:
        return format_logout_everywhere_question(locale, reference)
    return format_slow_logout_question(devices, locale, reference)


async def _ask(context: Context, devices: Sequence[DeviceSessions]) -> str:
    """Save the question, and return its reference."""
    action = Action(kind=ActionKind.LOG_OUT, devices=name_devices(devices, context.locale))
    return await context.confirmations.ask(
        context.asker.id, context.room_id, action, context.question.id
    )
