from difflib import get_close_matches

from bot.commands.registry import Context, command
from bot.errors import Call, UsageError
from bot.features.alerts.messages import format_lookout
from bot.models import Reply

_WISHES = ("on", "off")


@command("alerts", "alerts on", "alerts off", examples=("alerts on",), rank=7)
async def alerts(context: Context) -> Reply:
    """Tell you when a device signs in as you that I have not seen before.

    What counts is program, system and network together: neither a reconnect nor an update is a
    new device, and a sign-in from elsewhere is. When you switch it on I learn which devices you
    have; those that you named stay quiet.
    """
    wish = context.words.strip("\"'` .").casefold()
    if wish == "off":
        return await _turn_off(context)
    if wish == "on":
        return await _turn_on(context)
    if wish:
        nearest = get_close_matches(wish, _WISHES, n=1, cutoff=0.4)
        raise UsageError(
            "I don't know alerts {word}. Did you mean {nearest}?",
            word=wish,
            nearest=Call(f"alerts {nearest[0] if nearest else 'on'}"),
        )
    return await _show(context)


async def _turn_on(context: Context) -> Reply:
    lookout = await context.services.alerts.turn_on(context.asker)
    return format_lookout(
        lookout.since, lookout.interval, lookout.known, context.locale, context.now
    )


async def _turn_off(context: Context) -> Reply:
    if await context.services.alerts.turn_off(context.asker.id):
        return Reply(context.locale.text("Alerts are off, and what I had learned is forgotten."))
    return Reply(context.locale.text("Alerts are off already."))


async def _show(context: Context) -> Reply:
    lookout = await context.services.alerts.load(context.asker.id)
    if lookout is None:
        on = context.locale.call("alerts on")
        return Reply(context.locale.text("Alerts are off. {on} switches them on.", on=on))
    return format_lookout(
        lookout.since, lookout.interval, lookout.known, context.locale, context.now
    )
