from bot.commands.registry import Context, command
from bot.errors import Call, UsageError
from bot.features.sessions.device_names import format_device
from bot.formatting.text import escape
from bot.models import Reply
from bot.parsing import parse_session_words

_LONGEST = 40


@command("name <id or number> <words>", examples=("name 2 kitchen tablet",), rank=5)
async def name(context: Context) -> Reply:
    """Name one of your devices: I show that name from then on.

    Without words the name is forgotten. A name belongs to a program on a system in a network:
    the same browser somewhere else does not get it.
    """
    reference, _, words = context.words.partition(" ")
    reference, words = parse_session_words(reference), " ".join(words.split())
    if not reference:
        raise UsageError(
            "Name which device? As in {example}.", example=Call("name 2 kitchen tablet")
        )
    if len(words) > _LONGEST:
        raise UsageError("That name is too long; {limit} letters are the most.", limit=_LONGEST)
    work, user_id = context.services.sessions, context.asker.id
    ids = await work.find_ids(user_id, reference)
    session = await work.fetch(user_id, ids[0])
    await work.save_name(user_id, session, words)
    device = format_device(session.device, context.locale)
    if not words:
        return Reply(context.locale.text("{device} has no name of yours any more.", device=device))
    return Reply(
        context.locale.text("{device} is now “{name}”.", device=device, name=escape(words))
    )
