from difflib import get_close_matches

from bot.commands.registry import Context, command
from bot.errors import Call, UsageError
from bot.features.alerts.messages import format_status
from bot.models import Reply

_OPTIONS = ("on", "off")


@command("alerts", "alerts on", "alerts off", examples=("alerts on",), rank=7)
async def alerts(context: Context) -> Reply:
    """Let me tell you when a device that I have not seen before signs in as you.

    A device is a program, an operating system and a network together: a reconnect or an update
    is not a new device, a sign-in from another network is. When you turn alerts on, I remember
    the devices you have now; devices that you named never cause an alert.
    """
    option = context.words.strip("\"'` .").casefold()
    if option == "off":
        return await _turn_off(context)
    if option == "on":
        status = await context.alerts.turn_on(context.asker.id)
        return format_status(status, context.locale, context.now)
    if option:
        nearest = get_close_matches(option, _OPTIONS, n=1, cutoff=0.4)
        raise UsageError(
            "I don't know the alerts option {word}. Did you mean {nearest}?",
            word=option,
            nearest=Call(f"alerts {nearest[0] if nearest else 'on'}"),
        )
    return await _show(context)


async def _turn_off(context: Context) -> Reply:
    if await context.alerts.turn_off(context.asker.id):
        return Reply(
            context.locale.text("Alerts are off. I have deleted what I remembered for them.")
        )
    return Reply(context.locale.text("Alerts are already off."))


async def _show(context: Context) -> Reply:
    status = await context.alerts.load_status(context.asker.id)
    if status is None:
        on = context.locale.call("alerts on")
        return Reply(context.locale.text("Alerts are off. {on} turns them on.", on=on))
    return format_status(status, context.locale, context.now)
