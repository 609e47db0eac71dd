from bot.commands.registry import Context, command
from bot.models import Reply


@command("disconnect", rank=11)
async def disconnect(context: Context) -> Reply:
    """Take back your permission: I delete your token at once.

    To make a personal access token useless everywhere, delete it in Rocket.Chat too: your
    profile, "Personal Access Tokens". A permission given with "Continue with Rocket.Chat" expires
    by itself.
    """
    text, account = context.locale.text, context.account
    if not await context.linking.disconnect(context.asker.id) or account is None:
        return Reply(text("You are not connected, so there is nothing to disconnect."))
    if account.is_oauth:
        return Reply(
            text(
                "Done: I have deleted the permission you gave me in Rocket.Chat. It is no longer "
                "renewed: it stops working within an hour and expires completely within 14 days."
            )
        )
    return Reply(
        text(
            "Done: I have deleted your token. To make it useless everywhere, delete it in "
            'Rocket.Chat too: your profile, "Personal Access Tokens".'
        )
    )
