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


class BotAccount:
    """Fetches the account of the bot's own token."""

    def __init__(self, rest: RestClient, token: AuthToken) -> None:
        self._rest: Final = rest
        self._background_rest: Final = rest.in_background()
        self._token: Final = token
        self._log = structlog.get_logger("app")

    async def wait(self, backoff: Backoff) -> Sender:
        """Return it as soon as the workspace answers; raises TokenRejectedError."""
        pauses = make_pauses(backoff, secrets.SystemRandom().random)
        while True:
            try:
                return await self._fetch(self._rest)
            except (UnreachableError, RateLimitedError) as error:
                problem, pause = str(error), next(pauses)
                self._log.warning(
                    "the workspace does not answer", problem=problem, pause=round(pause, 1)
                )
                await asyncio.sleep(pause)

    async def follow(
        self, note: Callable[[Sender], None], sleep: Callable[[float], Awaitable[None]]
    ) -> None:
        """Call ``note`` with the account every five minutes: it may have been renamed.

        Runs until cancelled. Raises TokenRejectedError: a server of 8.3 goes on streaming to a bot
        whose token was removed (seen).
        """
        while True:
            await sleep(ACCOUNT_FETCHED_EVERY_S)
            try:
                note(await self._fetch(self._background_rest))
            except TokenRejectedError:
                raise
            except WorkspaceError as error:
                problem = repr(error)
                self._log.warning("the bot's own account could not be fetched", problem=problem)

    async def check_token(self) -> None:
        """Raise TokenRejectedError if the token is dead, and nothing for a gateway's errors."""
        try:
            await self._fetch(self._rest)
        except TokenRejectedError:
            raise
        except WorkspaceError as error:
            self._log.warning("the bot's token could not be checked", problem=repr(error))

    async def _fetch(self, rest: RestClient) -> Sender:
        user = await rest.fetch_user(self._token)
        return Sender(user.id, user.username, user.name)
