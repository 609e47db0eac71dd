"""Fetching the bot's own account at the start."""

import asyncio
import secrets

import structlog

from bot.backoff import Backoff, make_pauses
from bot.errors import RateLimitedError, UnreachableError
from bot.models import AuthToken, Sender
from bot.rocketchat.client import RestClient


async def wait_for_account(rest: RestClient, token: AuthToken, backoff: Backoff) -> Sender:
    """Return the token's account, as soon as the workspace answers; raises TokenRejectedError."""
    log = structlog.get_logger("app")
    pauses = make_pauses(backoff, secrets.SystemRandom().random)
    while True:
        try:
            user = await rest.fetch_user(token)
        except (UnreachableError, RateLimitedError) as error:
            pause = next(pauses)
            log.warning("the workspace does not answer", problem=str(error), pause=round(pause, 1))
            await asyncio.sleep(pause)
        else:
            return Sender(user.id, user.username, user.name)
