"""Connecting an account: a link asked for in chat, a token handed over in the browser.

A request is used up before anything is checked, so it can never be used twice; a person whose
token did not fit gets a new one on the page, with the same end of life and fewer attempts.
"""

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

import structlog
from pydantic import SecretStr, TypeAdapter

from bot.errors import (
    RequestExpiredError,
    TokenRefusedError,
    TokenRejectedError,
    UnsafeWorkspaceError,
    UserError,
    WorkspaceError,
    WrongAccountError,
)
from bot.models import AuthToken, Message, Sender, User
from bot.rocketchat.rest import Rest
from bot.storage.accounts import Accounts, ConnectedAccount
from bot.storage.connection_requests import ConnectionRequest, ConnectionRequests, make_secret

LIFETIME: Final = timedelta(minutes=10)
ATTEMPTS: Final = 5
_QUESTIONS: Final = TypeAdapter(Message)


@dataclass(frozen=True, slots=True)
class Connected:
    """Someone has connected; ``question`` is what they had asked before, still to be answered."""

    asker: Sender
    question: Message | None


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A token of ``owner`` came through the link of ``asker``; nothing was kept."""

    asker: Sender
    owner: Sender


@dataclass(frozen=True, slots=True)
class Attempt:
    """How an attempt to connect ended: no problem, or a problem and perhaps a new secret."""

    problem: UserError | WorkspaceError | None = None
    retry: SecretStr | None = None


class Connections:
    """Whose token the bot has, how it came, and how it goes."""

    def __init__(
        self,
        accounts: Accounts,
        requests: ConnectionRequests,
        rest: Rest,
        *,
        public_url: str,
        now: Callable[[], datetime],
    ) -> None:
        self._accounts: Final = accounts
        self._requests: Final = requests
        self._rest: Final = rest
        self._public_url: Final = public_url
        self._now: Final = now
        self._log = structlog.get_logger("connections")
        self.events: Final[asyncio.Queue[Connected | Mismatch]] = asyncio.Queue()

    async def load(self, user_id: str) -> ConnectedAccount | None:
        """Give the account of the user, without its token; None if they have not connected."""
        return await self._accounts.load(user_id)

    async def invite(self, asker: Sender, question: Message | None) -> str:
        """Make a one-time link for the asker; an earlier one of theirs stops working."""
        text = _QUESTIONS.dump_json(question).decode() if question else None
        secret = await self._save_request(
            ConnectionRequest(
                user_id=asker.id,
                username=asker.username,
                expires_at=self._now() + LIFETIME,
                question=text,
                attempts_left=ATTEMPTS,
            )
        )
        return f"{self._public_url}/connect/{secret.get_secret_value()}"

    async def check_request(self, secret: SecretStr) -> None:
        """Raise RequestExpiredError unless the link can still be used; this does not use it up."""
        if await self._requests.find(secret, self._now()) is None:
            raise _expired()

    async def connect(self, secret: SecretStr, token: AuthToken) -> Attempt:
        """Use up the request, check the token, keep it sealed; tell in chat how it went."""
        request = await self._requests.consume(secret, self._now())
        if request is None:
            return Attempt(problem=_expired())
        try:
            user = await self._check(request, token)
        except (UserError, WorkspaceError) as problem:
            self._log.info("a connection failed", user_id=request.user_id, problem=repr(problem))
            return Attempt(problem, await self._reissue(request))
        await self._keep(request, user, token)
        return Attempt()

    async def disconnect(self, user_id: str) -> bool:
        """Forget the user's token; false if there was none."""
        return await self._accounts.delete(user_id)

    async def _check(self, request: ConnectionRequest, token: AuthToken) -> User:
        try:
            user = await self._rest.fetch_user(token)
        except TokenRejectedError:
            raise TokenRefusedError(
                "Your workspace does not accept this user id and token together."
            ) from None
        if user.id != request.user_id:
            await self._report_mismatch(request, user)
            raise WrongAccountError(
                "This token belongs to another account than the one that asked."
            )
        await self._refuse_made_up_tokens(user.id)
        return user

    async def _refuse_made_up_tokens(self, user_id: str) -> None:
        # With anonymous reading on, 7.7.1 believes the X-User-Id header whatever the token is
        # (server source app/api/server/api.ts); there, no answer of `me` proves anything.
        made_up = AuthToken(user_id, SecretStr(secrets.token_urlsafe(32)))
        try:
            await self._rest.fetch_user(made_up)
        except TokenRejectedError:
            return
        self._log.error("the workspace accepts made-up tokens; is anonymous reading on?")
        raise UnsafeWorkspaceError(
            "Your workspace answers even to made-up tokens, so I can't tell whose this one is. "
            "Please tell your administrator."
        )

    async def _report_mismatch(self, request: ConnectionRequest, user: User) -> None:
        self._log.warning("another account's token", asker=request.user_id, owner=user.id)
        asker = Sender(request.user_id, request.username)
        await self.events.put(Mismatch(asker, Sender(user.id, user.username)))

    async def _keep(self, request: ConnectionRequest, user: User, token: AuthToken) -> None:
        account = ConnectedAccount(
            user_id=user.id,
            username=user.username,
            kind="personal_access_token",
            connected_at=self._now(),
            language=user.language,
            utc_offset=user.utc_offset,
            zone="",
        )
        await self._accounts.save(account, token)
        self._log.info("connected", user_id=user.id)
        question = _QUESTIONS.validate_json(request.question) if request.question else None
        await self.events.put(Connected(Sender(user.id, user.username, user.name), question))

    async def _reissue(self, request: ConnectionRequest) -> SecretStr | None:
        if request.attempts_left <= 1:
            return None
        return await self._save_request(replace(request, attempts_left=request.attempts_left - 1))

    async def _save_request(self, request: ConnectionRequest) -> SecretStr:
        secret = make_secret()
        await self._requests.save(request, secret)
        return secret


def _expired() -> RequestExpiredError:
    return RequestExpiredError(
        "This link has been used, has expired or was never made. Ask the bot for a new one."
    )
