from bot.commands.registry import Context, command
from bot.errors import Call, UsageError
from bot.features.confirmations import Action
from bot.features.sessions.devices import DeviceSessions
from bot.features.sessions.messages import format_logout_of_others_question, format_logout_question
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

    I ask before I do it, and look afterwards whether it worked. "others" keeps the newest one
    signed in, or the one whose number you give.
    """
    words = parse_session_words(context.words)
    if not words:
        raise UsageError(
            "Which session? Give its id, or its number from {sessions}, as in {example}.",
            sessions=Call("sessions"),
            example=Call("logout 2"),
        )
    first, _, rest = words.partition(" ")
    if first.casefold() == "others":
        return await _ask_about_others(context, parse_session_words(rest) or "1")
    return await _ask_about_one(context, words)


async def _ask_about_one(context: Context, words: str) -> Reply:
    work, user_id = context.services.sessions, context.asker.id
    ids = await work.find_ids(user_id, words)
    newest = await work.fetch(user_id, ids[0])
    if newest.logged_out_at:
        return Reply(context.locale.text("That session is signed out already."))
    name = await work.find_name(user_id, newest)
    await _remember(context, tuple(ids))
    device = DeviceSessions((newest,) * len(ids), name)
    return format_logout_question(device, context.locale)


async def _ask_about_others(context: Context, keep: str) -> Reply:
    work, user_id = context.services.sessions, context.asker.id
    kept_ids = set(await work.find_ids(user_id, keep))
    numbered = list(enumerate(await work.fetch_devices(user_id), 1))
    kept = [device for _, device in numbered if kept_ids & set(device.ids)]
    others = [(number, device) for number, device in numbered if device not in kept]
    if not kept:
        raise UsageError(
            "The one to keep is not signed in any more. See {list}.", list=Call("sessions")
        )
    if not others:
        return Reply(context.locale.text("There is no other session to sign out."))
    await _remember(context, tuple(each for _, device in others for each in device.ids))
    return format_logout_of_others_question(kept[0], others, context.locale)


async def _remember(context: Context, session_ids: tuple[str, ...]) -> None:
    action = Action(kind="log out", session_ids=session_ids)
    await context.services.consent.ask(context.asker.id, context.room_id, action)
