from bot.commands.registry import Context, command
from bot.errors import Call, UsageError
from bot.features.confirmations import Action, ActionKind
from bot.features.sessions.devices import DeviceSessions
from bot.features.sessions.logout_messages import (
    format_logout_of_others_question,
    format_logout_question,
)
from bot.models import Reply
from bot.parsing import parse_session_words


@command(
    "logout <id or number>",
    "logout others",
    examples=("logout 2", "logout others", "logout others 3"),
    rank=3,
)
async def logout(context: Context) -> Reply:
    """Sign out one of your devices, or all the others.

    I ask you first, and check afterwards whether it worked. "others" keeps the newest device
    signed in, or the one whose number you add.
    """
    words = parse_session_words(context.words)
    if not words:
        raise UsageError(
            "Which session? Add its id, or its number from {sessions}, for example {example}.",
            sessions=Call("sessions"),
            example=Call("logout 2"),
        )
    first, _, rest = words.partition(" ")
    if first.casefold() == "others":
        return await _ask_about_others(context, parse_session_words(rest) or "1")
    return await _ask_about_one(context, words)


async def _ask_about_one(context: Context, words: str) -> Reply:
    sessions, user_id = context.sessions, context.asker.id
    ids = await sessions.find_ids(user_id, words)
    newest = await sessions.fetch(user_id, ids[0])
    if newest.logged_out_at:
        return Reply(context.locale.text("That session is already signed out."))
    name = await sessions.find_name(user_id, newest)
    await _ask(context, tuple(ids))
    device = DeviceSessions((newest,) * len(ids), name)
    return format_logout_question(device, context.locale)


async def _ask_about_others(context: Context, keep: str) -> Reply:
    sessions, user_id = context.sessions, context.asker.id
    kept_ids = set(await sessions.find_ids(user_id, keep))
    numbered = list(enumerate(await sessions.fetch_numbered_devices(user_id), 1))
    kept = [device for _, device in numbered if kept_ids & set(device.ids)]
    others = [(number, device) for number, device in numbered if device not in kept]
    if not kept:
        raise UsageError(
            "The device to keep is no longer signed in. See {list}.", list=Call("sessions")
        )
    if not others:
        return Reply(context.locale.text("There is no other session to sign out."))
    await _ask(context, tuple(each for _, device in others for each in device.ids))
    return format_logout_of_others_question(kept[0], others, context.locale)


async def _ask(context: Context, session_ids: tuple[str, ...]) -> None:
    action = Action(kind=ActionKind.LOG_OUT, session_ids=session_ids)
    await context.confirmations.ask(context.asker.id, context.room_id, action)
