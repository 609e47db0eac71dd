from bot.commands.registry import Context, command
from bot.errors import Call, UsageError
from bot.features.sessions.devices import make_device_key
from bot.features.sessions.messages import format_session
from bot.models import Reply
from bot.parsing import parse_session_words


@command(
    "session <id or number>",
    "session last",
    examples=("session QoYYFw2t9oKks2niG", "session 2", "session last"),
    rank=2,
)
async def session(context: Context) -> Reply:
    """Show one of your sessions: which device, since when, from where.

    Add its number from your last list, "last" for the newest, its id, or the beginning of its
    id. Rocket.Chat shows ids in your profile under "Manage devices", on a wide screen.
    """
    words = parse_session_words(context.words)
    if not words:
        raise UsageError(
            "Which session? Add its id, or its number from {sessions}, for example {example}.",
            sessions=Call("sessions"),
            example=Call("session 2"),
        )
    sessions, user_id = context.sessions, context.asker.id
    ids = await sessions.find_ids(user_id, words)
    # Before the call: after it, a query waits until the use of the token is noted.
    names = await sessions.load_names(user_id)
    found = await sessions.fetch(user_id, ids[0])
    name = names.get(make_device_key(found), "")
    reference = words if words.isdecimal() else found.id
    return format_session(found, context.locale, context.now, name=name, reference=reference)
