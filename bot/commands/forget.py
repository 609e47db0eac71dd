from bot.command import Context, command
from bot.formatting.sessions import Colour
from bot.models import Attachment, Reply
from bot.services.consent import Action


@command("forget", rank=15)
async def forget(context: Context) -> Reply:
    """Erase everything I store about you, after you confirm it."""
    action = Action(kind="forget")
    await context.services.consent.ask(context.asker.id, context.room_id, action)
    text = context.reader.text
    warning = text(
        "Your connection, the names of your devices and your settings go. "
        "Send {confirm} within two minutes to go ahead.",
        confirm=context.reader.call("confirm"),
    )
    return Reply(
        text("Erase everything I have stored about you?"), Attachment(Colour.AMBER, text=warning)
    )
