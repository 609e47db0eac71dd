from bot.commands.registry import Context, command
from bot.features.sessions.messages import format_logout
from bot.models import Reply


@command("confirm", rank=4)
async def confirm(context: Context) -> Reply:
    """Say yes to what I asked you last, within two minutes and in the same room."""
    user_id = context.asker.id
    consent, question = context.services.consent, context.question
    confirmed = await consent.take(user_id, context.room_id, question.id)
    action = confirmed.action
    if action.kind == "forget":
        await context.services.people.forget(user_id)
        return Reply(
            context.locale.text(
                "Everything I had stored about you is erased. To make the token you lent me "
                'useless everywhere, delete it in Rocket.Chat: your profile, "Personal Access '
                'Tokens".'
            )
        )
    sessions = context.services.sessions
    # After a stop in the middle, people hear what has become of it; nothing is done twice.
    work = sessions.look_after_log_out if confirmed.is_perhaps_done else sessions.log_out
    outcome = await work(user_id, action.session_ids)
    return format_logout(
        wanted=len(action.session_ids),
        logged_out=len(outcome.logged_out),
        unchecked=len(outcome.unchecked),
        retry_after=outcome.retry_after,
        locale=context.locale,
    )
