from bot.command import Context, command
from bot.models import Reply


@command("disconnect", rank=11)
async def disconnect(context: Context) -> Reply:
    """Take your permission back: I forget your token at once.

    To make the token itself useless, delete it in Rocket.Chat too: your profile, "Personal Access
    Tokens".
    """
    text = context.reader.text
    if not await context.services.connections.disconnect(context.asker.id):
        return Reply(text("You are not connected, so there is nothing to forget."))
    return Reply(
        text(
            "Done: I have forgotten your token. To make it useless everywhere, delete it in "
            'Rocket.Chat too: your profile, "Personal Access Tokens".'
        )
    )
