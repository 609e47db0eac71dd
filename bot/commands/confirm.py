from dataclasses import replace
from datetime import datetime

from bot.commands.registry import Context, command
from bot.errors import NotConnectedError, RateLimitedError, WorkspaceError
from bot.features.accounts.messages import format_invitation
from bot.features.confirmations import ActionKind
from bot.features.sessions.devices import DeviceSessions
from bot.features.sessions.logout_messages import (
    format_failed_logout,
    format_logout,
    format_logout_everywhere,
    format_logout_progress,
    format_slow_logout,
    format_unknown_logout,
    name_devices,
)
from bot.formatting.errors import format_failure
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
    if action.kind is ActionKind.LOG_OUT_EVERYWHERE:
        return await _log_out_everywhere(context)
    # After a crash halfway, only the result is checked: nothing is done twice.
    log_out = context.sessions.check_log_out if confirmed.may_be_done else context.sessions.log_out
    outcome = await log_out(user_id, action.session_ids)
    return format_logout(outcome, action.devices, context.locale)


async def _log_out_everywhere(context: Context) -> Reply:
    """Sign out everything, by the one call or as OAuth allows; say what is true afterwards."""
    locale = context.locale
    try:
        if context.account and context.account.is_oauth:
            return await _log_out_one_by_one(context)
        sign_out = context.sessions.sign_out
        await sign_out.sign_out_everywhere(context.asker.id, context.question.sent_at)
    except NotConnectedError as error:
        # Not as the answer to come after connecting: what was confirmed is used up.
        invitation = await context.linking.invite(context.asker)
        lead = format_failed_logout(format_failure(error, locale, context.now), locale)
        return format_invitation(lead, invitation, locale)
    except RateLimitedError as error:
        return Reply(format_failed_logout(format_failure(error, locale, context.now), locale))
    except WorkspaceError:
        return format_unknown_logout(locale)
    return format_logout_everywhere(locale)


async def _log_out_one_by_one(context: Context) -> Reply:
    """Sign out what was signed in when the person confirmed: a repeat ends nothing newer."""
    sessions, user_id, locale = context.sessions, context.asker.id, context.locale
    try:
        listed = await sessions.fetch_devices(user_id, is_fresh=True)
    except WorkspaceError as error:
        return Reply(format_failed_logout(format_failure(error, locale, context.now), locale))
    devices = [each for each in (_keep_old(d, context.question.sent_at) for d in listed) if each]
    names = name_devices(devices, locale)
    ids = tuple(session_id for _, each in names for session_id in each)

    def tell(done: int) -> None:
        context.note_progress(format_logout_progress(done, len(ids), locale))

    return format_slow_logout(await sessions.log_out(user_id, ids, tell), names, locale)


def _keep_old(device: DeviceSessions, asked_at: datetime) -> DeviceSessions | None:
    old = tuple(s for s in device.sessions if s.logged_in_at is None or s.logged_in_at <= asked_at)
    return replace(device, sessions=old) if old else None


async def _forget(context: Context) -> Reply:
    await context.personal_data.forget(context.asker.id)
    return Reply(
        context.locale.text(
            "I have erased everything I had stored about you. To make the token you gave me "
            'useless everywhere, delete it in Rocket.Chat: your profile, "Personal Access Tokens".'
        )
    )
