"""Requests that set a workspace up for the bot, with an administrator's token.

``users.generatePersonalAccessToken`` wants a second factor on every version (``twoFactorRequired``
in ``app/api/server/v1/users.ts``, 6.5 to 8.3), ``users.create`` only in the newest source
(``server/api/v1/users.ts`` of 2026), ``oauth-apps.create`` on none. All were recorded on 6.5.3 and
8.3 without one. Every function may raise any ``WorkspaceError``.
"""

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from pydantic import SecretStr

from bot.errors import SecondFactorError, WorkspaceError
from bot.models import AuthToken, Document
from bot.rocketchat.responses import extract_document, is_success, parse_reason
from bot.rocketchat.transport import HttpTransport, make_headers
from bot.rocketchat.wire import parse_object, parse_text, require_object, require_text

ROLES: Final = ("user", "bot")
_SECOND_FACTOR_REASONS: Final = frozenset({"totp-required", "totp-invalid", "totp-max-attempts"})
_TOKEN_NAME: Final = "session-bot"  # noqa: S105 - its name, no secret


@dataclass(frozen=True, slots=True)
class SecondFactor:
    """A code for a call; ``method`` is Rocket.Chat's: ``password``, ``totp`` or ``email``."""

    method: str
    code: SecretStr

    def as_headers(self) -> Mapping[str, str]:
        """Return the headers of a call; of a password the server expects the SHA-256."""
        code = self.code.get_secret_value()
        if self.method == "password":
            code = hashlib.sha256(code.encode()).hexdigest()
        return {"x-2fa-method": self.method, "x-2fa-code": code}


@dataclass(frozen=True, slots=True)
class NewAccount:
    """An account to make."""

    username: str
    name: str
    email: str
    password: SecretStr = field(repr=False)


async def create_account(
    http: HttpTransport,
    administrator: AuthToken,
    account: NewAccount,
    factor: SecondFactor | None = None,
) -> None:
    """Make an active account with the roles; raise SecondFactorError where it needs a code."""
    body: Document = {
        "username": account.username,
        "name": account.name,
        "email": account.email,
        "password": account.password.get_secret_value(),
        "roles": list(ROLES),
        # A verified address would turn codes by e-mail on for the account
        # (``app/2fa/server/code/EmailCheck.ts``), and nobody reads its mail.
        "verified": False,
        "joinDefaultChannels": False,
        "requirePasswordChange": False,
        "sendWelcomeEmail": False,
    }
    await _post(http, "v1/users.create", administrator, body, factor)


async def make_bot_token(http: HttpTransport, account: NewAccount) -> AuthToken:
    """Sign in as a new account, make its personal access token, and sign out."""
    password = account.password
    body: Document = {"user": account.username, "password": password.get_secret_value()}
    data = require_object(await _post(http, "v1/login", None, body), "data")
    secret = SecretStr(require_text(data, "authToken"))
    login = AuthToken(require_text(data, "userId"), secret)
    try:
        # Sent always: a server that wants no code ignores it.
        factor = SecondFactor("password", password)
        body = {"tokenName": _TOKEN_NAME, "bypassTwoFactor": False}
        route = "v1/users.generatePersonalAccessToken"
        made = require_text(await _post(http, route, login, body, factor), "token")
    finally:
        # 8.3 answers with an empty body, which is no success elsewhere.
        with suppress(WorkspaceError):
            await _post(http, "v1/logout", login, {})
    return AuthToken(login.user_id, SecretStr(made))


async def register_oauth_app(
    http: HttpTransport,
    administrator: AuthToken,
    redirect_uri: str,
    factor: SecondFactor | None = None,
) -> tuple[str, SecretStr]:
    """Register an OAuth application; return its client id and client secret."""
    body = {"name": "Session bot", "redirectUri": redirect_uri, "active": True}
    document = await _post(http, "v1/oauth-apps.create", administrator, body, factor)
    app = require_object(document, "application")
    return require_text(app, "clientId"), SecretStr(require_text(app, "clientSecret"))


async def _post(
    http: HttpTransport,
    route: str,
    token: AuthToken | None,
    body: Document,
    factor: SecondFactor | None = None,
) -> Document:
    headers = {**make_headers(token), **(factor.as_headers() if factor else {})}
    response = await http.request("POST", route, headers, body=body)
    if not is_success(response) and parse_reason(response) in _SECOND_FACTOR_REASONS:
        details = parse_object((response.document or {}).get("details"))
        method = parse_text(details.get("method")) or "totp"
        raise SecondFactorError(f"{route}: a second factor is wanted", method)
    return extract_document(route, response)
