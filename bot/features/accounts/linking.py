"""Connecting an account: a link asked for in chat, a permission given in the browser.

A request is used up before anything is checked, so it can never be used twice; a person whose
permission did not fit gets a new one on the page, with the same end of life and fewer attempts.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Final, Literal

import structlog
from pydantic import SecretStr

from bot.deadline import within
from bot.errors import (
    BearerIgnoredError,
    NotConnectedError,
    OtherBrowserError,
    ProtocolError,
    RequestExpiredError,
    TokenRefusedError,
    TokenRejectedError,
    UnsafeWorkspaceError,
    UserError,
    WorkspaceError,
    WrongAccountError,
)
from bot.features.accounts.audit import Audit, AuditAction
from bot.features.accounts.delegated_tokens import DelegatedTokens
from bot.features.accounts.link_requests import LinkRequest, LinkRequests, make_secret
from bot.features.accounts.store import Accounts, ConnectedAccount
from bot.features.accounts.tokens import BearerSupport
from bot.models import AuthToken, Sender, User
from bot.rocketchat.client import RestClient
from bot.rocketchat.oauth import OAuthProvider


async def reject_forged_token(rest: RestClient, real: AuthToken) -> None:
    """Raise UnsafeWorkspaceError where a made-up token of the same kind is as good as this one.

    With anonymous reading on, 7.7.1 believes the ``X-User-Id`` header whatever the token is (server
    source ``app/api/server/api.ts``); there, no answer of ``me`` proves anything.
    """
    try:
        user = await rest.fetch_user(_make_up(real))
    except (TokenRejectedError, ProtocolError):
        # ProtocolError: 6.x with anonymous reading answers 200 with nobody in it.
        return
    if not real.is_bearer and user.id != real.user_id:
        return
    log = structlog.get_logger("connections")
    log.error("the workspace accepts made-up tokens; is anonymous reading on?")
    raise UnsafeWorkspaceError(
        "Your workspace answers even to made-up tokens, so I can't tell whose this one is. "
        "Please tell your administrator."
    )


def _make_up(real: AuthToken) -> AuthToken:
    length = len(real.secret.get_secret_value())
    made_up = secrets.token_hex(length // 2) if real.is_bearer else secrets.token_urlsafe(32)
    return AuthToken(real.user_id, SecretStr(made_up), is_bearer=real.is_bearer)


LIFETIME: Final = timedelta(minutes=10)
ATTEMPTS: Final = 5
BROWSER_TIMEOUT_S: Final = 25.0  # less than any browser or proxy waits
_WORTH_TELLING: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class AccountLinked:
    """Someone connected ``at`` that time; what they had asked before waits in the inbox."""

    asker: Sender
    at: datetime


@dataclass(frozen=True, slots=True)
class WrongAccount:
    """The permission of ``owner`` came through the link of ``asker``; nothing was kept."""

    asker: Sender
    owner: Sender


@dataclass(frozen=True, slots=True)
class TokenExpired:
    """The workspace ended the token ``token_id`` while nobody was using it."""

    asker: Sender
    token_id: str


@dataclass(frozen=True, slots=True)
class LinkingResult:
    """How an attempt to connect ended: no problem, or a problem and perhaps a new secret."""

    problem: UserError | WorkspaceError | None = None
    retry: SecretStr | None = None


class AccountLinking:
    """Links an account to the bot: the invitation, the browser's way back, and the end of it.

    ``oauth`` is None where the operator has not set it up. ``browser_timeout_s`` is how long a
    browser may wait for the workspace.
    """

    def __init__(
        self,
        *,
        accounts: Accounts,
        link_requests: LinkRequests,
        delegated_tokens: DelegatedTokens,
        rest: RestClient,
        oauth: OAuthProvider | None,
        bearer: BearerSupport,
        audit: Audit,
        public_url: str,
        now: Callable[[], datetime],
        browser_timeout_s: float = BROWSER_TIMEOUT_S,
    ) -> None:
        self._accounts: Final = accounts
        self._link_requests: Final = link_requests
        self._delegated_tokens: Final = delegated_tokens
        self._rest: Final = rest
        self._oauth: Final = oauth
        self._bearer: Final = bearer
        self._audit: Final = audit
        self._public_url: Final = public_url
        self._now: Final = now
        self._browser_timeout_s: Final = browser_timeout_s
        self._log = structlog.get_logger("connections")
        self.events: Final[asyncio.Queue[AccountLinked | WrongAccount | TokenExpired]] = (
            asyncio.Queue()
        )

    async def load(self, user_id: str) -> ConnectedAccount | None:
        """Return the account of the user, without its token; None if they have not connected."""
        return await self._accounts.load(user_id)

    async def save_zone(self, user_id: str, zone: str) -> None:
        """Save the time zone of an IANA name; raise NotConnectedError without an account."""
        if await self.load(user_id) is None:
            raise NotConnectedError("I can keep your time zone once you are connected.")
        await self._accounts.save_zone(user_id, zone)

    async def invite(self, asker: Sender) -> str:
        """Make a one-time link for the asker; an earlier one of theirs stops working."""
        secret = await self._save_request(
            LinkRequest(
                user_id=asker.id,
                username=asker.username,
                expires_at=self._now() + LIFETIME,
                attempts_left=ATTEMPTS,
            )
        )
        return f"{self._public_url}/connect/{secret.get_secret_value()}"

    async def check_request(self, secret: SecretStr) -> None:
        """Raise RequestExpiredError unless the link can still be used; this does not use it up."""
        if await self._link_requests.find(secret, self._now()) is None:
            raise _expired()

    async def find_methods(self) -> Literal["oauth_or_token", "token", "token_bearer_ignored"]:
        """Return which ways to connect the page can offer."""
        if self._oauth is None:
            return "token"
        return "token_bearer_ignored" if await self._bearer.is_missing() else "oauth_or_token"

    async def start_oauth(self, secret: SecretStr, browser: SecretStr) -> str:
        """Bind the request to this browser and return the address of the workspace's consent page.

        The request's own secret is the ``state`` that comes back from there.
        """
        if self._oauth is None:
            raise BearerIgnoredError("Rocket.Chat's own permission page is not set up here.")
        if not await self._link_requests.bind(secret, browser, self._now()):
            raise _expired()
        return self._oauth.make_consent_url(secret)

    async def finish_oauth(
        self, state: SecretStr, browser: SecretStr, code: SecretStr
    ) -> LinkingResult:
        """Use up the request of this state, and connect with the code that came with it.

        A browser other than the one that set out gets OtherBrowserError, and no new secret.
        """
        request = await self._link_requests.consume(state, self._now())
        if request is None:
            return LinkingResult(problem=_expired())
        if not request.is_bound_to(browser):
            await self._audit.note(
                request.user_id, AuditAction.REFUSED, "another browser came back"
            )
            return LinkingResult(
                problem=OtherBrowserError("This browser is not the one that opened the link.")
            )
        return await self._try(request, partial(self._connect_by_code, request, code))

    async def connect(self, secret: SecretStr, token: AuthToken) -> LinkingResult:
        """Use up the request, check the token, keep it sealed; tell in chat how it went."""
        request = await self._link_requests.consume(secret, self._now())
        if request is None:
            return LinkingResult(problem=_expired())
        return await self._try(request, partial(self._connect_by_token, request, token))

    async def disconnect(self, user_id: str) -> bool:
        """Forget the user's token; false if there was none."""
        was_connected = await self._accounts.delete(user_id)
        if was_connected:
            await self._audit.note(user_id, AuditAction.DISCONNECTED)
        return was_connected

    async def forget_lost(self, lost: TokenExpired) -> None:
        """Forget the account of a dead token, whose owner has been told now."""
        await self._delegated_tokens.delete(lost.asker.id, lost.token_id)

    async def announce_untold(self) -> None:
        """Have those told that they are connected whom a stop kept from hearing it."""
        since = self._now() - _WORTH_TELLING
        for account in await self._accounts.load_unnotified(connected_after=since):
            await self._announce(account)

    async def note_told(self, connected: AccountLinked) -> None:
        """Remember that the person has heard that they are connected."""
        await self._accounts.mark_notified(connected.asker.id, connected.at, self._now())

    async def _try(
        self, request: LinkRequest, work: Callable[[], Awaitable[ConnectedAccount]]
    ) -> LinkingResult:
        try:
            account = await work()
        except (UserError, WorkspaceError) as problem:
            deed = AuditAction.REFUSED if isinstance(problem, UserError) else AuditAction.FAILED
            await self._audit.note(request.user_id, deed, _describe(problem))
            return LinkingResult(problem, await self._reissue(request))
        await self._announce(account)
        return LinkingResult()

    async def _announce(self, account: ConnectedAccount) -> None:
        asker = Sender(account.user_id, account.username)
        await self.events.put(AccountLinked(asker, account.connected_at))

    async def _connect_by_token(self, request: LinkRequest, token: AuthToken) -> ConnectedAccount:
        try:
            user = await self._check(request, token)
        except TokenRejectedError:
            raise TokenRefusedError(
                "Your workspace does not accept this user id and token together."
            ) from None
        account = self._make_account(user, "personal_access_token")
        await self._accounts.save(account, token)
        await self._audit.note(user.id, AuditAction.CONNECTED, "personal access token")
        return account

    async def _connect_by_code(self, request: LinkRequest, code: SecretStr) -> ConnectedAccount:
        if self._oauth is None:
            raise _expired()
        pair = await self._oauth.exchange(code)
        token = AuthToken(request.user_id, pair.access_token, is_bearer=True)
        try:
            user = await self._check(request, token)
        except TokenRejectedError:
            # Nobody else has seen this token yet: the workspace does not look at it.
            await self._bearer.note_missing()
            raise BearerIgnoredError(
                "Your workspace does not accept the permission that it has just given."
            ) from None
        account = self._make_account(user, "oauth")
        await self._accounts.save_pair(account, pair, self._now())
        await self._audit.note(user.id, AuditAction.CONNECTED, "oauth")
        return account

    async def _check(self, request: LinkRequest, token: AuthToken) -> User:
        """Return whose token this is: the asker's, or WrongAccountError and others are raised."""
        expected_wait = partial(self._rest.rate_limiter.expected_wait, token.user_id)
        user = await within(self._browser_timeout_s, self._look_up(token), expected_wait)
        if user.id != request.user_id:
            await self._report_mismatch(request, user)
            raise WrongAccountError(
                "This token belongs to another account than the one that asked."
            )
        return user

    async def _look_up(self, token: AuthToken) -> User:
        user = await self._rest.fetch_user(token)
        # Before anybody is told of somebody else's token: it might be a made-up one.
        await reject_forged_token(self._rest, token)
        return user

    async def _report_mismatch(self, request: LinkRequest, user: User) -> None:
        await self._audit.note(user.id, AuditAction.REFUSED, "through another account's link")
        asker = Sender(request.user_id, request.username)
        await self.events.put(WrongAccount(asker, Sender(user.id, user.username)))

    def _make_account(
        self, user: User, kind: Literal["personal_access_token", "oauth"]
    ) -> ConnectedAccount:
        return ConnectedAccount(
            user_id=user.id,
            username=user.username,
            kind=kind,
            connected_at=self._now(),
            language=user.language,
            utc_offset=user.utc_offset,
        )

    async def _reissue(self, request: LinkRequest) -> SecretStr | None:
        if request.attempts_left <= 1:
            return None
        left = request.attempts_left - 1
        return await self._save_request(replace(request, attempts_left=left, browser_hash=None))

    async def _save_request(self, request: LinkRequest) -> SecretStr:
        secret = make_secret()
        await self._link_requests.save(request, secret)
        return secret


def _describe(problem: UserError | WorkspaceError) -> str:
    return f"connecting: {type(problem).__name__}"


def _expired() -> RequestExpiredError:
    return RequestExpiredError(
        "This link has been used, has expired or was never made. Ask the bot for a new one."
    )
