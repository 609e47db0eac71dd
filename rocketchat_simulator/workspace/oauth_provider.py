"""The OAuth 2 provider: authorization codes, access tokens and refresh tokens.

Sources: ``server/oauth2-server/model.ts`` of the server and the libraries that it uses,
``oauth2-server`` 3.1 (up to 7.3) and ``@node-oauth/oauth2-server`` 5.2 (from 7.4 on).
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from rocketchat_simulator.workspace.models import User
from rocketchat_simulator.workspace.oauth_apps import OAuthApp, OAuthApps
from rocketchat_simulator.workspace.oauth_errors import (
    make_invalid_grant,
    make_invalid_request,
    make_server_error,
)
from rocketchat_simulator.workspace.people import People
from rocketchat_simulator.workspace.versions import Version

CODE_LIFETIME: Final = timedelta(minutes=5)
ACCESS_TOKEN_LIFETIME: Final = timedelta(hours=1)
REFRESH_TOKEN_LIFETIME: Final = timedelta(days=14)

# Expired entries stay in the database for a while, in which the error names the expiry.
_EXPIRED_CODE_KEPT: Final = timedelta(minutes=5)
_EXPIRED_TOKENS_KEPT: Final = timedelta(days=30)
_BEARER: Final = "Bearer "


@dataclass(frozen=True, slots=True)
class Code:
    """An authorization code that has not been exchanged yet."""

    text: str = field(repr=False)
    client_id: str
    user_id: str
    redirect_uri: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class TokenPair:
    """An access token with its refresh token."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    client_id: str
    user_id: str
    expires_at: datetime
    refresh_expires_at: datetime


class OAuthProvider:
    """Issues, exchanges and revokes codes and tokens."""

    def __init__(self, people: People, version: Version, now: Callable[[], datetime]) -> None:
        self._people = people
        self._version = version
        self._now = now
        self._codes: dict[str, Code] = {}
        self._by_access: dict[str, TokenPair] = {}
        self._by_refresh: dict[str, TokenPair] = {}
        self.apps: Final = OAuthApps(people, now)

    def make_app(self, name: str, *redirect_uris: str) -> OAuthApp:
        """Register an application in the name of the workspace's first user."""
        return self.apps.add(name, redirect_uris, by=self._people.users[0])

    def remove_app(self, app_id: str) -> None:
        """Remove an application with its codes and tokens; raise RefusedError if there is none."""
        client_id = self.apps.remove(app_id).client_id
        for code in tuple(self._codes.values()):
            if code.client_id == client_id:
                del self._codes[code.text]
        for pair in tuple(self._by_access.values()):
            if pair.client_id == client_id:
                self._remove(pair)

    def make_code(self, user: User, app: OAuthApp, redirect_uri: str) -> str:
        """Return a code for a user's consent, valid once within ``CODE_LIFETIME``."""
        expires_at = self._now() + CODE_LIFETIME
        text = self._make_secret()
        self._codes[text] = Code(text, app.client_id, user.id, redirect_uri, expires_at)
        return text

    def exchange_code(
        self, app: OAuthApp, text: str, redirect_uri: str, *, has_verifier: bool
    ) -> TokenPair:
        """Exchange a code for tokens; raise OAuthRefusedError if it is refused."""
        code = self._codes.get(text)
        if code is None or self._now() >= code.expires_at + _EXPIRED_CODE_KEPT:
            raise make_server_error("Invalid authCode")
        if code.client_id != app.client_id:
            raise make_invalid_grant("authorization code is invalid")
        if code.expires_at < self._now():
            raise make_invalid_grant("authorization code has expired")
        if has_verifier and self._version.has_new_oauth_library:
            # The library can check a verifier, but the server never stores the challenge.
            raise make_invalid_grant("code verifier is invalid")
        if self._version.has_new_oauth_library:
            del self._codes[text]
        _check_redirect(redirect_uri, code)
        self._codes.pop(text, None)
        return self._make_pair(code.client_id, code.user_id)

    def refresh(self, app: OAuthApp, refresh_token: str) -> TokenPair:
        """Exchange a refresh token for a new pair; the old pair is revoked.

        Raise OAuthRefusedError if it is refused.
        """
        pair = self._by_refresh.get(refresh_token)
        if pair is None or self._now() >= pair.expires_at + _EXPIRED_TOKENS_KEPT:
            raise make_server_error("Invalid token")
        if pair.client_id != app.client_id:
            raise make_invalid_grant("refresh token was issued to another client")
        if pair.refresh_expires_at < self._now():
            raise make_invalid_grant("refresh token has expired")
        self._remove(pair)
        return self._make_pair(pair.client_id, pair.user_id)

    def user_of_bearer(self, header: str) -> User | None:
        """Find the user of an ``Authorization`` header on the REST API.

        Whether the account is active is not checked, as in the server's source of 8.3.
        """
        pair = self._find_pair(header)
        is_valid = pair is not None and pair.expires_at >= self._now()
        return self._people.find(pair.user_id) if pair and is_valid else None

    def user_of_any_bearer(self, header: str) -> User | None:
        """Find the user of an ``Authorization`` header, even if the token has expired.

        ``/oauth/userinfo`` does not check the expiry.
        """
        pair = self._find_pair(header)
        return self._people.find(pair.user_id) if pair else None

    def revoke(self, user: User) -> None:
        """Revoke all access and refresh tokens of a user."""
        for pair in tuple(self._by_access.values()):
            if pair.user_id == user.id:
                self._remove(pair)

    def _find_pair(self, header: str) -> TokenPair | None:
        if not header.startswith(_BEARER):
            return None
        return self._by_access.get(header.removeprefix(_BEARER))

    def _make_pair(self, client_id: str, user_id: str) -> TokenPair:
        now, make = self._now(), self._make_secret
        pair = TokenPair(
            make(),
            make(),
            client_id,
            user_id,
            now + ACCESS_TOKEN_LIFETIME,
            now + REFRESH_TOKEN_LIFETIME,
        )
        self._by_access[pair.access_token] = pair
        self._by_refresh[pair.refresh_token] = pair
        return pair

    def _remove(self, pair: TokenPair) -> None:
        del self._by_access[pair.access_token]
        del self._by_refresh[pair.refresh_token]

    def _make_secret(self) -> str:
        secret = secrets.token_hex(32 if self._version.has_new_oauth_library else 20)
        self._people.add_secret(secret)
        return secret


def _check_redirect(redirect_uri: str, code: Code) -> None:
    if not redirect_uri:
        raise make_invalid_request("Invalid request: `redirect_uri` is not a valid URI")
    if redirect_uri != code.redirect_uri:
        raise make_invalid_request("Invalid request: `redirect_uri` is invalid")
