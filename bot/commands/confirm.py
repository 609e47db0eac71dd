from bot.commands.registry import Context, command
from bot.features.confirmations import ActionKind
from bot.features.sessions.logout_messages import format_logout
from bot.models import Reply
from bot.parsing import parse_session_words


@command("confirm", rank=4)
async def confirm(context: Context) -> Reply:
    """Confirm what I asked you last, within two minutes and in the same room.

    The button under a question confirms that question only.
    """
    user_id, words = context.asker.id, parse_session_words(context.words).casefold()
    confirmed = await context.confirmations.take(
        user_id, context.room_id, context.question.id, words
    )
    action = confirmed.action
    if action.kind is ActionKind.FORGET:
        return await _forget(context)
    # After a crash halfway, only the result is checked: nothing is done twice.
    log_out = context.sessions.check_log_out if confirmed.may_be_done else context.sessions.log_out
    outcome = await log_out(user_id, action.session_ids)
    return format_logout(outcome, action.devices, context.locale)


async def _forget(context: Context) -> Reply:
    await context.personal_data.forget(context.asker.id)
    return Reply(
        context.locale.text(
            "I have erased everything I had stored about you. To make the token you gave me "
            'useless everywhere, delete it in Rocket.Chat: your profile, "Personal Access Tokens".'
        )
    )
