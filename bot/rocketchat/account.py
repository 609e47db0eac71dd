"""The bot's own account, and what its own token tells of the workspace."""

import asyncio
import itertools
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from bot.backoff import Backoff, make_pauses
from bot.errors import (
    NotLicensedError,
    RateLimitedError,
    TokenRejectedError,
    UnreachableError,
    WorkspaceError,
)
from bot.models import AuthToken, Sender
from bot.rocketchat.client import RestClient

ACCOUNT_FETCHED_EVERY_S: Final = 300.0
LICENCE_CHECKED_EVERY: Final = 288
"""After so many fetches of the account: once a day."""

_MAX_LICENCE_AGE_S: Final = 60.0
_LICENCE_TIMEOUT_S: Final = 3.0


class BotAccount:
    """Fetches the account of the bot's own token, and whether there is a licence.

    The bot's own list of sessions, too, is refused without device management: with 403 on 6.5.3,
    with 400 on 8.3 (seen). Until the workspace has told, it counts as licensed. ``seconds`` is a
    monotonic clock.
    """

    def __init__(
        self, rest: RestClient, token: AuthToken, seconds: Callable[[], float] = time.monotonic
    ) -> None:
        self._seconds: Final = seconds
        self._missing_licence: NotLicensedError | None = None
        self._licence_checked_at: float | None = None
        self._rest: Final = rest
        self._background_rest: Final = rest.in_background()
        self._token: Final = token
        self._log = structlog.get_logger("app")

    async def wait(self, backoff: Backoff) -> Sender:
        """Return the account as soon as the workspace answers, and check the licence.

        Raises TokenRejectedError.
        """
        pauses = make_pauses(backoff, secrets.SystemRandom().random)
        while True:
            try:
                account = await self._fetch(self._rest)
            except (UnreachableError, RateLimitedError) as error:
                problem, pause = str(error), next(pauses)
                self._log.warning(
                    "the workspace does not answer", problem=problem, pause=round(pause, 1)
                )
                await asyncio.sleep(pause)
            else:
                await self.find_missing_licence()
                return account

    async def follow(
        self, note: Callable[[Sender], None], sleep: Callable[[float], Awaitable[None]]
    ) -> None:
        """Call ``note`` with the account every five minutes: it may have been renamed.

        Checks the licence once a day, so that the log tells when it comes or goes. Runs until
        cancelled. Raises TokenRejectedError: a server of 8.3 goes on streaming to a bot whose token
        was removed (seen).
        """
        for number in itertools.count(1):
            await sleep(ACCOUNT_FETCHED_EVERY_S)
            if number % LICENCE_CHECKED_EVERY == 0:
                await self.find_missing_licence()
            try:
                note(await self._fetch(self._background_rest))
            except TokenRejectedError:
                raise
            except WorkspaceError as error:
                problem = repr(error)
                self._log.warning("the bot's own account could not be fetched", problem=problem)

    async def find_missing_licence(self) -> NotLicensedError | None:
        """Return the error for a workspace without device management, None for one with it.

        What the workspace said may be a minute old, and older where it does not answer in three
        seconds.
        """
        now, at = self._seconds(), self._licence_checked_at
        if at is None or now - at >= _MAX_LICENCE_AGE_S:
            self._licence_checked_at = now
            await self._check_licence()
        return self._missing_licence

    async def _check_licence(self) -> None:
        missing = None
        try:
            async with asyncio.timeout(_LICENCE_TIMEOUT_S):
                await self._rest.fetch_sessions(self._token, count=1, is_fresh=True)
        except NotLicensedError as error:
            missing = error.with_traceback(None)
        except (WorkspaceError, TimeoutError) as error:
            self._log.warning("the licence could not be checked", problem=repr(error))
            return
        if missing and not self._missing_licence:
            self._log.warning("no device management: nobody's sessions can be seen")
        elif self._missing_licence and not missing:
            self._log.info("the workspace has device management now")
        self._missing_licence = missing

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
