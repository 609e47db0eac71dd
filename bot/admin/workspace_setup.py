"""What an administrator's token makes for the bot: account, token, OAuth application."""

import re
import secrets
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final, TypeVar

from pydantic import SecretStr

from bot.config import OAuthSettings
from bot.errors import (
    ConfigError,
    RefusedError,
    SecondFactorError,
    TokenRejectedError,
    WorkspaceError,
)
from bot.models import AuthToken
from bot.rocketchat.administration import (
    NewAccount,
    SecondFactor,
    create_account,
    make_bot_token,
    register_oauth_app,
)
from bot.rocketchat.transport import open_http

T = TypeVar("T")
AskCode = Callable[[str], SecretStr | None]
"""Returns a code for the second factor of this method; None where there is none."""

TOKEN_BY_HAND: Final = (
    "sign in as it, make a personal access token (profile, Personal Access Tokens), and give init"  # noqa: S105 - a sentence
    " that token with the user id that is shown with it"
)
_ACCOUNT_BY_HAND: Final = (
    f"By hand: Administration, Users, New, with the roles user and bot; then {TOKEN_BY_HAND}"
)
_APP_BY_HAND: Final = (
    "By hand: Administration, Third-party login, New application, with this redirect URI"
)
_NO_MAIL_DOMAIN: Final = "session-bot.invalid"
"""No mail reaches it (RFC 2606), so nobody can have the account's password reset."""


class WorkspaceSetup:
    """Makes things in the workspace; raises ConfigError that says what to do by hand.

    ``timeout_s`` limits each request.
    """

    def __init__(
        self, url: str, administrator: AuthToken, ask_code: AskCode, timeout_s: float
    ) -> None:
        self._url: Final = url
        self._administrator: Final = administrator
        self._ask_code: Final = ask_code
        self._timeout_s: Final = timeout_s

    async def make_account(self, username: str, email: str = "") -> AuthToken:
        """Make the bot's account, and return a personal access token of it.

        An account that has this user name already is left as it is.
        """
        email = email or f"{username}@{_NO_MAIL_DOMAIN}"
        account = NewAccount(username, "Session bot", email, _make_password())
        async with open_http(self._url, timeout_s=self._timeout_s) as http:
            make = partial(create_account, http, self._administrator, account)
            try:
                await self._call_with_code(make)
            except WorkspaceError as error:
                raise ConfigError(_explain_account(error, username)) from error
            try:
                return await make_bot_token(http, account)
            except WorkspaceError as error:
                raise ConfigError(
                    f"the account {username} was made, and its token was not: {error}."
                    f" By hand: set its password (Administration, Users), then {TOKEN_BY_HAND}"
                ) from error

    async def register_app(self, public_url: str) -> OAuthSettings:
        """Register the bot as an OAuth application, which people sign in to with a button."""
        redirect_uri = f"{public_url}/oauth/callback"
        async with open_http(self._url, timeout_s=self._timeout_s) as http:
            register = partial(register_oauth_app, http, self._administrator, redirect_uri)
            try:
                client_id, secret = await self._call_with_code(register)
            except WorkspaceError as error:
                raise ConfigError(f"{_explain(error)}. {_APP_BY_HAND}: {redirect_uri}") from error
        return OAuthSettings(client_id=client_id, client_secret=secret)

    async def _call_with_code(self, call: Callable[..., Awaitable[T]]) -> T:
        """Call, and again with a code as long as one is wanted and there is one."""
        options: dict[str, Any] = {}
        while True:
            try:
                return await call(**options)
            except SecondFactorError as error:
                code = self._ask_code(error.method)
                if code is None:
                    raise
                options = {"factor": SecondFactor(error.method, code)}


def _explain_account(error: WorkspaceError, username: str) -> str:
    if isinstance(error, RefusedError) and error.reason == "error-field-unavailable":
        return (
            f"the user name {username} or its e-mail address is taken. Choose another with"
            f" --username; if that account is meant for the bot, {TOKEN_BY_HAND}"
        )
    return f"{_explain(error)}. {_ACCOUNT_BY_HAND}"


def _explain(error: WorkspaceError) -> str:
    match error:
        case TokenRejectedError():
            return "the workspace refuses the administrator's token"
        case SecondFactorError():
            return (
                "the workspace wants a second factor of the administrator's"
                f" ({error.method}), and got none that is right; --admin-code-file gives one"
            )
        case RefusedError(reason="error-action-not-allowed" | "error-unauthorized"):
            return "the workspace does not let this token's owner do that; use an administrator's"
    return str(error)


def _make_password() -> SecretStr:
    """Make a password that nobody learns, which a usual password policy accepts."""
    while True:
        text = secrets.token_urlsafe(24) + "aA1!"
        if not re.search(r"(.)\1\1", text):
            return SecretStr(text)
