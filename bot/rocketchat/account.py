"""The bot's own account: fetched at the start, and again from time to time."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from bot.backoff import Backoff, make_pauses
from bot.errors import RateLimitedError, TokenRejectedError, UnreachableError, WorkspaceError
from bot.models import AuthToken, Sender
from bot.rocketchat.client import RestClient

ACCOUNT_FETCHED_EVERY_S: Final = 300.0


async def wait_for_account(rest: RestClient, token: AuthToken, backoff: Backoff) -> Sender:
    """Return the token's account, as soon as the workspace answers; raises TokenRejectedError."""
    log = structlog.get_logger("app")
    pauses = make_pauses(backoff, secrets.SystemRandom().random)
    while True:
        try:
            return await _fetch_account(rest, token)
        except (UnreachableError, RateLimitedError) as error:
            pause = next(pauses)
            log.warning("the workspace does not answer", problem=str(error), pause=round(pause, 1))
            await asyncio.sleep(pause)


async def follow_account(
    rest: RestClient,
    token: AuthToken,
    note: Callable[[Sender], None],
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Call ``note`` with the token's account every five minutes: it may have been renamed.

    Runs until cancelled. Raises TokenRejectedError: a server of 8.3 goes on streaming to a bot
    whose token was removed (seen).
    """
    while True:
        await sleep(ACCOUNT_FETCHED_EVERY_S)
        try:
            note(await _fetch_account(rest, token))
        except TokenRejectedError:
            raise
        except WorkspaceError as error:
            log = structlog.get_logger("app")
            log.warning("the bot's own account could not be fetched", problem=repr(error))


async def _fetch_account(rest: RestClient, token: AuthToken) -> Sender:
    user = await rest.fetch_user(token)
    return Sender(user.id, user.username, user.name)
