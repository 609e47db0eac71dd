from bot.commands.registry import Context, command
from bot.features.accounts.messages import format_invitation
from bot.models import Reply


@command("connect", rank=10)
async def connect(context: Context) -> Reply:
    """Let me see your sessions: I send you a link to a page where you give me permission.

    The link works once, for ten minutes, and only for your own account. If you are already
    connected, connecting again replaces the token I have.
    """
    invitation = await context.linking.invite(context.asker)
    lead = context.locale.text("Here is your link.")
    return format_invitation(lead, invitation, context.locale)
