from bot.commands.registry import Context, command
from bot.features.accounts.messages import format_invitation
from bot.models import Reply


@command("connect", rank=10)
async def connect(context: Context) -> Reply:
    """Let me see your sessions: I send you a link to a page where you give me permission.

    The link works once, for ten minutes, and only for your own account. If you are already
    connected, connecting again replaces the token I have.
    """
    link = await context.linking.invite(context.asker)
    locale, is_licensed = context.locale, not await context.linking.find_missing_licence()
    return format_invitation(
        locale.text("Here is your link."), link, locale, is_licensed=is_licensed
    )
