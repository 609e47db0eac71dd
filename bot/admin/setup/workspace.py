"""What an administrator's token makes for the bot: account, token, OAuth application."""

import re
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeVar

from pydantic import SecretStr

from bot.admin.checks.network import format_redirect_uri
from bot.admin.checks.result import make_ok
from bot.admin.checks.workspace import CHECK_TIMEOUT_S
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

DEFAULT_USERNAME: Final = "sessions"
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


@dataclass(eq=False, slots=True)
class WorkspaceSetup:
    """Makes things in the workspace, and tells so; raises ConfigError with what to do by hand.

    ``username`` and ``email`` are those of the bot's account.
    """

    url: str
    administrator: AuthToken
    ask_code: AskCode
    echo: Callable[[str], None]
    username: str = DEFAULT_USERNAME
    email: str = ""

    async def make_account(self) -> AuthToken:
        """Make the bot's account, and return a personal access token of it.

        An account that has this user name already is left as it is.
        """
        username, email = self.username, self.email or f"{self.username}@{_NO_MAIL_DOMAIN}"
        account = NewAccount(username, "Session bot", email, _make_password())
        async with open_http(self.url, timeout_s=CHECK_TIMEOUT_S) as http:
            make = partial(create_account, http, self.administrator, account)
            try:
                await self._call_with_code(make)
            except WorkspaceError as error:
                raise ConfigError(_explain_account(error, username)) from error
            try:
                token = await make_bot_token(http, account)
            except WorkspaceError as error:
                raise ConfigError(
                    f"the account {username} was made, and its token was not: {error}."
                    f" By hand: set its password (Administration, Users), then {TOKEN_BY_HAND}"
                ) from error
        self.echo(str(make_ok("account", f"made {username}, and its token")))
        return token

    async def register_app(self, public_url: str) -> OAuthSettings:
        """Register the bot as an OAuth application, which people sign in to with a button."""
        redirect_uri = format_redirect_uri(public_url)
        async with open_http(self.url, timeout_s=CHECK_TIMEOUT_S) as http:
            register = partial(register_oauth_app, http, self.administrator, redirect_uri)
            try:
                client_id, secret = await self._call_with_code(register)
            except WorkspaceError as error:
                raise ConfigError(f"{_explain(error)}. {_APP_BY_HAND}: {redirect_uri}") from error
        self.echo(str(make_ok("oauth", "registered the application Session bot")))
        return OAuthSettings(client_id=client_id, client_secret=secret)

    async def _call_with_code(self, call: Callable[..., Awaitable[T]]) -> T:
        """Call, and again with a code as long as one is wanted and there is one."""
        options: dict[str, Any] = {}
        while True:
            try:
                return await call(**options)
            except SecondFactorError as error:
                code = self.ask_code(error.method)
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
