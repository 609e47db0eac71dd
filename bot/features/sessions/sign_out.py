"""Signing everything out with one call, and cleaning the workspace's list afterwards."""

import asyncio
from datetime import datetime
from typing import Final

import structlog

from bot.errors import BotError, NotLicensedError, RefusedError, SessionNotFoundError
from bot.features.accounts.audit import AuditAction
from bot.features.accounts.store import DelegatedToken
from bot.features.accounts.tokens import Tokens
from bot.features.sessions.devices import is_signed_out
from bot.models import AuthToken, Session
from bot.rocketchat.client import RestClient

MAX_SESSIONS: Final = 500
_PAGE_SIZE: Final = 100


async def fetch_all_sessions(
    rest: RestClient, token: AuthToken, *, is_fresh: bool
) -> tuple[Session, ...]:
    """Fetch what the workspace lists for the token's owner, newest first; at most 500 sessions."""
    page = await rest.fetch_sessions(token, count=_PAGE_SIZE, is_fresh=is_fresh)
    sessions = page.sessions
    while page.sessions and len(sessions) < min(page.total, MAX_SESSIONS):
        page = await rest.fetch_sessions(token, offset=len(sessions), count=_PAGE_SIZE)
        sessions += page.sessions
    return tuple({session.id: session for session in sessions}.values())


class SignOut:
    """Signs out everything that is signed in as a person; ``run`` then cleans their list.

    The workspace goes on listing what ``users.logoutOtherClients`` has ended, and nothing in the
    list tells it from what is signed in. The bot leaves out what is older than the call; for
    Rocket.Chat's own list a call for each row is needed, which the rate limit draws out.
    """

    def __init__(self, rest: RestClient, tokens: Tokens) -> None:
        self._rest: Final = rest
        self._background_rest: Final = rest.in_background()
        self._tokens: Final = tokens
        self._accounts: Final = tokens.accounts
        self._to_clean: Final[asyncio.Queue[str]] = asyncio.Queue()
        self._log = structlog.get_logger("sign-out")

    async def sign_out_everywhere(self, user_id: str, asked_at: datetime) -> None:
        """Sign out everything; do nothing where that was done for this question already.

        ``asked_at`` is the server's time of the question: whatever is signed in later must not be
        taken for ended. A WorkspaceError leaves open whether it was done, but for RateLimitedError.
        Raises NotConnectedError, then nothing was done, and StorageError.
        """

        async def call(delegated: DelegatedToken) -> None:
            done_at = delegated.signed_out_at
            if done_at is None or done_at < asked_at:
                await self._rest.log_out_everywhere(delegated.token)

        await self._tokens.use(user_id, call, action=AuditAction.LOGGED_OUT, detail="all at once")
        await self._accounts.save_signed_out(user_id, asked_at)
        self._to_clean.put_nowait(user_id)

    async def resume(self) -> None:
        """Have lists cleaned that a failure or a stop has left; raise StorageError."""
        for user_id in await self._accounts.load_uncleaned():
            self._to_clean.put_nowait(user_id)

    async def run(self) -> None:
        """Clean lists until cancelled; what fails is left to ``resume``."""
        while True:
            user_id = await self._to_clean.get()
            try:
                await self._tokens.use(user_id, self._clean, detail="cleaning the list")
            except BotError as error:
                self._log.warning("a list was not cleaned", user_id=user_id, problem=repr(error))

    async def _clean(self, delegated: DelegatedToken) -> None:
        signed_out_at, token = delegated.signed_out_at, delegated.token
        if signed_out_at is None:
            return
        try:
            for session in await fetch_all_sessions(self._background_rest, token, is_fresh=True):
                if is_signed_out(session, signed_out_at):
                    await self._clean_row(token, session.id)
        except NotLicensedError:
            self._log.info("without a licence there is no list to clean")
        await self._accounts.save_cleaned(token.user_id, signed_out_at)

    async def _clean_row(self, token: AuthToken, session_id: str) -> None:
        try:
            await self._background_rest.log_out_session(token, session_id)
        except (SessionNotFoundError, RefusedError) as error:
            # The others must not wait for it. Only Rocket.Chat's own list goes on showing it.
            self._log.info("a row stays in the list", session_id=session_id, problem=repr(error))
