from bot.commands.registry import Context, command
from bot.errors import Call, UsageError
from bot.features.sessions.device_names import format_device
from bot.formatting.text import escape
from bot.models import Reply
from bot.parsing import parse_quoted, parse_session_words

_MAX_LENGTH = 40


@command("name <id or number> <words>", examples=("name 2 kitchen tablet",), rank=5)
async def name(context: Context) -> Reply:
    """Name one of your devices: I show that name from then on.

    Without words, the name is deleted. A name belongs to one program on one operating system in
    one network: the same browser somewhere else does not get it.
    """
    reference, _, words = context.words.partition(" ")
    reference, words = parse_session_words(reference), parse_quoted(words)
    if not reference:
        raise UsageError(
            "Which device do you want to name? For example: {example}.",
            example=Call("name 2 kitchen tablet"),
        )
    if len(words) > _MAX_LENGTH:
        raise UsageError(
            "That name is too long: it can have at most {limit} characters.", limit=_MAX_LENGTH
        )
    found = await context.sessions.find_device(context.asker.id, reference)
    await context.sessions.save_name(context.asker.id, found.newest, words)
    device = format_device(found.newest.device, context.locale)
    if not words:
        return Reply(context.locale.text("{device} no longer has a name of yours.", device=device))
    return Reply(
        context.locale.text("{device} is now “{name}”.", device=device, name=escape(words))
    )
