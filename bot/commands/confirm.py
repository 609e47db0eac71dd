from bot.command import Context, command
from bot.formatting.logouts import format_logout
from bot.models import Reply


@command("confirm", rank=4)
async def confirm(context: Context) -> Reply:
    """Say yes to what I asked you last, within two minutes and in the same room."""
    user_id = context.asker.id
    action = await context.services.consent.take(user_id, context.room_id)
    if action.kind == "forget":
        await context.services.people.forget(user_id)
        return Reply(
            context.reader.text(
                "Everything I had stored about you is erased. To make the token you lent me "
                'useless everywhere, delete it in Rocket.Chat: your profile, "Personal Access '
                'Tokens".'
            )
        )
    outcome = await context.services.sessions.log_out(user_id, action.session_ids)
    return format_logout(
        wanted=len(action.session_ids),
        logged_out=len(outcome.logged_out),
        unchecked=len(outcome.unchecked),
        retry_after=outcome.retry_after,
        reader=context.reader,
    )
