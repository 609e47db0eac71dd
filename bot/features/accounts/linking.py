"""Linking an account: an invitation in chat, permission or a token in the browser.

A link is used up before anything is checked, so it can never be used twice. Where the check fails,
the page gets a new link with the same expiry and one attempt less. The request itself is stored
until the end: where ``!forget`` has erased it meanwhile, nothing is stored.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum, auto
from functools import partial
from typing import Final, Literal

import structlog
from pydantic import SecretStr

from bot.errors import (
    BearerIgnoredError,
    LinkingError,
    OtherBrowserError,
    RequestExpiredError,
    TokenRefusedError,
    TokenRejectedError,
    WorkspaceError,
    WrongAccountError,
)
from bot.features.accounts.audit import AuditAction, AuditTrail
from bot.features.accounts.bearer_support import is_bearer_ignored, note_bearer_ignored
from bot.features.accounts.deadline import within
from bot.features.accounts.forged_tokens import reject_forged_token
from bot.features.accounts.link_requests import LinkRequest, LinkRequests, make_secret
from bot.features.accounts.store import Accounts, ConnectedAccount, TokenExpired
from bot.models import AuthToken, Sender, User
from bot.rocketchat.account import BotAccount
from bot.rocketchat.client import RestClient
from bot.rocketchat.oauth import OAuthProvider
from bot.storage.database import Database
from bot.storage.tables import Condition, select_account, select_link_request

LINK_LIFETIME: Final = timedelta(minutes=10)
MAX_ATTEMPTS: Final = 5
BROWSER_TIMEOUT_S: Final = 25.0  # less than any browser or proxy waits
_MAX_ANNOUNCEMENT_AGE: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class AccountLinked:
    """``asker`` connected ``at`` that time; earlier questions of theirs wait in the inbox."""

    asker: Sender
    at: datetime


@dataclass(frozen=True, slots=True)
class WrongAccount:
    """The token of ``owner`` came through the link of ``asker``; nothing was stored."""

    asker: Sender
    owner: Sender


LinkingEvent = AccountLinked | WrongAccount | TokenExpired


@dataclass(frozen=True, slots=True)
class Invitation:
    """A one-time link; ``is_licensed`` is false where a token would show the bot no sessions."""

    link: str
    is_licensed: bool


class LinkingMethods(StrEnum):
    """Which ways to connect the page offers, and whether OAuth is missing for a known reason."""

    OAUTH_OR_TOKEN = auto()
    TOKEN = auto()
    TOKEN_BEARER_IGNORED = auto()


@dataclass(frozen=True, slots=True)
class LinkingResult:
    """No problem, or a problem and, where another attempt is allowed, the secret for it.

    ``language`` is the person's, empty where they are not known or have chosen none.
    """

    problem: LinkingError | WorkspaceError | None = None
    retry: SecretStr | None = None
    language: str = ""


class AccountLinking:
    """Links accounts and unlinks them; ``events`` are for the asker to be told in chat.

    ``oauth`` is None where the operator has not set it up. ``browser_timeout_s`` is how long a
    browser may wait for the workspace.
    """

    def __init__(
        self,
        *,
        accounts: Accounts,
        database: Database,
        rest: RestClient,
        oauth: OAuthProvider | None,
        audit: AuditTrail,
        account: BotAccount,
        public_url: str,
        now: Callable[[], datetime],
        browser_timeout_s: float = BROWSER_TIMEOUT_S,
    ) -> None:
        self._accounts: Final = accounts
        self._link_requests: Final = LinkRequests(database)
        self._rest: Final = rest
        self._oauth: Final = oauth
        self._database: Final = database
        self._audit: Final = audit
        self.find_missing_licence: Final = account.find_missing_licence
        self._public_url: Final = public_url
        self._now: Final = now
        self._browser_timeout_s: Final = browser_timeout_s
        self._log = structlog.get_logger("linking")
        self.events: Final[asyncio.Queue[LinkingEvent]] = asyncio.Queue()

    async def invite(self, asker: Sender, *, only_if: Condition | None = None) -> Invitation:
        """Make a one-time link for the asker; an earlier one of theirs stops working.

        It does not work where ``only_if`` finds no row.
        """
        secret = make_secret()
        request = LinkRequest(
            user_id=asker.id,
            username=asker.username,
            expires_at=self._now() + LINK_LIFETIME,
            attempts_left=MAX_ATTEMPTS,
        )
        await self._link_requests.save(request, secret, only_if=only_if)
        link = f"{self._public_url}/connect/{secret.get_secret_value()}"
        return Invitation(link, is_licensed=not await self.find_missing_licence())

    async def invite_again(self, event: TokenExpired) -> Invitation:
        """Make a one-time link for the owner of an expired token, unless they were forgotten."""
        return await self.invite(event.asker, only_if=select_account(event.asker.id))

    async def check_request(self, secret: SecretStr) -> None:
        """Raise RequestExpiredError unless the link can still be used; this does not use it up."""
        if await self._link_requests.find(secret, self._now()) is None:
            raise RequestExpiredError

    async def find_methods(self) -> LinkingMethods:
        """Return which ways to connect the page can offer.

        Without a licence an OAuth token is good for nothing.
        """
        if self._oauth is None or await self.find_missing_licence():
            return LinkingMethods.TOKEN
        if await is_bearer_ignored(self._database, self._rest):
            return LinkingMethods.TOKEN_BEARER_IGNORED
        return LinkingMethods.OAUTH_OR_TOKEN

    async def start_oauth(self, secret: SecretStr, browser: SecretStr) -> str:
        """Bind the request to this browser and return the address of the workspace's consent page.

        The request's own secret is the ``state`` that comes back from there. Raises
        BearerIgnoredError where OAuth is not set up, RequestExpiredError where the link is used up.
        """
        if self._oauth is None:
            raise BearerIgnoredError
        if not await self._link_requests.bind(secret, browser, self._now()):
            raise RequestExpiredError
        return self._oauth.make_consent_url(secret)

    async def finish_oauth(
        self, state: SecretStr, browser: SecretStr, code: SecretStr
    ) -> LinkingResult:
        """Use up the request of this state, and link the account with the authorization code.

        A browser other than the one that started gets OtherBrowserError, and no new secret.
        """
        retry = make_secret()
        request = await self._link_requests.consume(state, retry, self._now())
        if request is None:
            return LinkingResult(RequestExpiredError())
        if not request.is_bound_to(browser):
            await self._audit.note(
                request.user_id, AuditAction.REFUSED, "another browser came back"
            )
            await self._link_requests.delete(retry)
            return LinkingResult(OtherBrowserError())
        return await self._attempt(request, retry, partial(self._link_by_code, request, code))

    async def connect(self, secret: SecretStr, token: AuthToken) -> LinkingResult:
        """Use up the request, check the token, and store it sealed."""
        retry = make_secret()
        request = await self._link_requests.consume(secret, retry, self._now())
        if request is None:
            return LinkingResult(RequestExpiredError())
        return await self._attempt(request, retry, partial(self._link_by_token, request, token))

    async def disconnect(self, user_id: str) -> bool:
        """Delete the user's account and token; false if there was none."""
        was_connected = await self._accounts.delete(user_id)
        if was_connected:
            await self._audit.note(user_id, AuditAction.DISCONNECTED)
        return was_connected

    async def delete_expired(self, event: TokenExpired) -> None:
        """Delete the account of a token that no longer works, once its owner has been told."""
        await self._accounts.delete_token(event.asker.id, event.token_id)

    async def sweep(self) -> None:
        """Delete the links that have expired."""
        await self._link_requests.sweep(self._now())

    async def announce_untold(self) -> None:
        """Announce again those linked within a day who have not been told, as after a crash."""
        since = self._now() - _MAX_ANNOUNCEMENT_AGE
        for account in await self._accounts.load_unnotified(connected_after=since):
            await self._announce(account)

    async def is_stored(self, event: AccountLinked) -> bool:
        """Return whether the account is stored as it was linked then."""
        account = await self._accounts.load(event.asker.id)
        return account is not None and account.connected_at == event.at

    async def note_told(self, event: AccountLinked) -> None:
        """Store that the person has been told that they are connected."""
        await self._accounts.mark_notified(event.asker.id, event.at, self._now())

    async def _attempt(
        self,
        request: LinkRequest,
        retry: SecretStr,
        work: Callable[[], Awaitable[ConnectedAccount]],
    ) -> LinkingResult:
        try:
            account = await work()
        except (LinkingError, WorkspaceError) as problem:
            is_refused = isinstance(problem, LinkingError)
            action = AuditAction.REFUSED if is_refused else AuditAction.FAILED
            await self._audit.note(
                request.user_id,
                action,
                f"linking: {type(problem).__name__}",
                only_if=select_link_request(request.user_id),
            )
            if request.attempts_left > 0 and not isinstance(problem, RequestExpiredError):
                return LinkingResult(problem, retry)
            await self._link_requests.delete(retry)
            return LinkingResult(problem)
        await self._audit.note(
            account.user_id,
            AuditAction.CONNECTED,
            account.kind.replace("_", " "),
            only_if=select_account(account.user_id),
        )
        await self._link_requests.delete(retry)
        await self._announce(account)
        return LinkingResult(language=account.language)

    async def _announce(self, account: ConnectedAccount) -> None:
        asker = Sender(account.user_id, account.username)
        await self.events.put(AccountLinked(asker, account.connected_at))

    async def _link_by_token(self, request: LinkRequest, token: AuthToken) -> ConnectedAccount:
        try:
            user = await self._check_owner(request, token)
        except TokenRejectedError:
            raise TokenRefusedError from None
        account = self._make_account(user, "personal_access_token")
        only_if = select_link_request(user.id)
        if not await self._accounts.save(account, token, only_if=only_if):
            raise RequestExpiredError
        return account

    async def _link_by_code(self, request: LinkRequest, code: SecretStr) -> ConnectedAccount:
        if self._oauth is None:
            raise RequestExpiredError
        pair = await self._oauth.exchange(code)
        token = AuthToken(request.user_id, pair.access_token, is_bearer=True)
        try:
            user = await self._check_owner(request, token)
        except TokenRejectedError:
            # The token is new and unused, so the workspace ignores bearer tokens.
            await note_bearer_ignored(self._database, self._rest, self._now())
            raise BearerIgnoredError from None
        account = self._make_account(user, "oauth")
        only_if = select_link_request(user.id)
        if not await self._accounts.save_pair(account, pair, self._now(), only_if=only_if):
            raise RequestExpiredError
        return account

    async def _check_owner(self, request: LinkRequest, token: AuthToken) -> User:
        """Return the token's owner; raise WrongAccountError where that is not the asker."""
        expected_wait = partial(self._rest.rate_limiter.expected_wait, token.user_id)
        user = await within(self._browser_timeout_s, self._fetch_owner(token), expected_wait)
        if user.id != request.user_id:
            await self._report_wrong_account(request, user)
            raise WrongAccountError
        return user

    async def _fetch_owner(self, token: AuthToken) -> User:
        user = await self._rest.fetch_user(token)
        # Before a wrong account is reported: the token might be made up.
        await reject_forged_token(self._rest, token)
        return user

    async def _report_wrong_account(self, request: LinkRequest, user: User) -> None:
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
