from bot.commands.registry import Context, command
from bot.features.confirmations import Action, ActionKind, make_buttons
from bot.formatting.colours import Colour
from bot.models import Attachment, Reply


@command("forget", rank=15)
async def forget(context: Context) -> Reply:
    """Erase everything I store about you, after you confirm it."""
    reference = await context.confirmations.ask(
        context.asker.id, context.room_id, Action(kind=ActionKind.FORGET), context.question.id
    )
    text = context.locale.text
    warning = text(
        "This deletes your connection, the names of your devices and your settings. "
        "Send {confirm} within two minutes to go ahead.",
        confirm=context.locale.call("confirm"),
    )
    return Reply(
        text("Erase everything I have stored about you?"),
        Attachment(Colour.AMBER, text=warning),
        buttons=make_buttons(reference, context.locale),
    )
