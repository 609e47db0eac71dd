from bot.commands.registry import Context, command
from bot.models import Reply


@command("disconnect", rank=11)
async def disconnect(context: Context) -> Reply:
    """Take your permission back: I forget your token at once.

    To make a personal access token itself useless, delete it in Rocket.Chat too: your profile,
    "Personal Access Tokens". What you gave me by pressing "Continue with Rocket.Chat" ends by
    itself.
    """
    text, connections = context.locale.text, context.services.connections
    account = await connections.load(context.asker.id)
    if not await connections.disconnect(context.asker.id) or account is None:
        return Reply(text("You are not connected, so there is nothing to forget."))
    if account.kind == "oauth":
        return Reply(
            text(
                "Done: I have forgotten the permission you gave me in Rocket.Chat. Nobody renews "
                "it now, so it ends by itself: for use within an hour, for good within 14 days."
            )
        )
    return Reply(
        text(
            "Done: I have forgotten your token. To make it useless everywhere, delete it in "
            'Rocket.Chat too: your profile, "Personal Access Tokens".'
        )
    )
