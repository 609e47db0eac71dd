from bot.commands.registry import Context, command
from bot.errors import Call, UsageError
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
    device = await context.sessions.find_device(context.asker.id, words)
    name = format_name(device, context.locale)
    if await context.alerts.accept(context.asker.id, device.newest):
        return Reply(context.locale.text("Noted: {device} is yours.", device=name))
    return Reply(context.locale.text("I already know that {device} is yours.", device=name))
