from bot.commands.registry import Context, command
from bot.errors import Call, UsageError
from bot.features.sessions.devices import DeviceSessions
from bot.features.sessions.messages import format_name
from bot.models import Reply
from bot.parsing import parse_session_words


@command("known <id or number>", examples=("known 1",), rank=8)
async def known(context: Context) -> Reply:
    """Tell me that a device is yours, after an alert or a report that called it new.

    I then no longer mark it as new, and "logout others" may keep it.
    """
    words = parse_session_words(context.words)
    if not words:
        raise UsageError(
            "Which device is yours? Add its number from {sessions}, for example {example}.",
            sessions=Call("sessions"),
            example=Call("known 1"),
        )
    sessions, user_id = context.sessions, context.asker.id
    ids = await sessions.find_ids(user_id, words)
    session = await sessions.fetch(user_id, ids[0])
    name = await sessions.find_name(user_id, session)
    device = format_name(DeviceSessions((session,), name), context.locale)
    if await context.alerts.accept(user_id, session):
        return Reply(context.locale.text("Noted: {device} is yours.", device=device))
    return Reply(context.locale.text("I already take {device} for yours.", device=device))
