"""Rocket.Chat as OAuth 2 provider: the address of its consent page, and the token endpoint.

Rocket.Chat has no scopes and no PKCE: from 7.4 on it refuses a request with a ``code_verifier``,
because it never stores the challenge (RocketChat/Rocket.Chat issue 35419).
"""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

import structlog
from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout
from pydantic import SecretStr

from bot.errors import (
    GrantRefusedError,
    ProtocolError,
    RateLimitedError,
    RefusedError,
    UnreachableError,
    WorkspaceError,
)
from bot.models import Document, TokenPair
from bot.rocketchat.http_session import make_session, read_body
from bot.rocketchat.network_errors import describe_failure
from bot.rocketchat.wire import parse_document

REQUEST_TIMEOUT_S: Final = 10.0

_MAX_REFRESH_LIFETIME: Final = timedelta(days=14)
"""How long a refresh token lives: server source ``server/oauth2-server/oauth.ts``, 8.3."""
_DEFAULT_LIFETIME_S: Final = 3600
_MAX_RESPONSE_BYTES: Final = 64 * 1024
_RATE_LIMIT_WAIT_S: Final = 60.0
# Texts of the server's OAuth model, sent with 503 like those of a server that is down (seen on
# 6.5.3 and 8.3).
_INVALID_GRANT: Final = frozenset({"invalid authcode", "invalid token", "invalid refresh token"})
_INVALID_CLIENT: Final = frozenset({"invalid clientid", "invalid client"})


@dataclass(frozen=True, slots=True)
class OAuthClient:
    """The client that the workspace's administrator registered for the bot."""

    client_id: str
    client_secret: SecretStr
    redirect_uri: str


class OAuthProvider:
    """One workspace as OAuth 2 provider, for one client."""

    def __init__(
        self, session: ClientSession, url: str, client: OAuthClient, now: Callable[[], datetime]
    ) -> None:
        self._session: Final = session
        self._url: Final = url.rstrip("/")
        self._client: Final = client
        self._now: Final = now
        self._log = structlog.get_logger("oauth")

    def make_consent_url(self, state: SecretStr) -> str:
        """Return the address of the consent page."""
        query = {
            "response_type": "code",
            "client_id": self._client.client_id,
            "redirect_uri": self._client.redirect_uri,
            "state": state.get_secret_value(),
        }
        return f"{self._url}/oauth/authorize?{urlencode(query)}"

    async def exchange(self, code: SecretStr) -> TokenPair:
        """Exchange an authorization code for tokens; a failure uses the code up, too.

        Raises ``GrantRefusedError`` for a code that is used up, expired or made up, and other
        ``WorkspaceError``.
        """
        return await self._request_tokens(
            grant_type="authorization_code",
            code=code.get_secret_value(),
            redirect_uri=self._client.redirect_uri,
        )

    async def refresh(self, token: SecretStr) -> TokenPair:
        """Exchange a refresh token for the next pair; both tokens of the old pair end at once.

        Raises ``GrantRefusedError`` for a token that is used up or expired. After an
        ``UnreachableError`` the old pair may be valid or not.
        """
        return await self._request_tokens(
            grant_type="refresh_token", refresh_token=token.get_secret_value()
        )

    async def _request_tokens(self, **form: str) -> TokenPair:
        requested_at = self._now()
        form |= {
            "client_id": self._client.client_id,
            "client_secret": self._client.client_secret.get_secret_value(),
        }
        status, document = await self._post(form)
        self._log.debug("asked for tokens", grant=form["grant_type"], status=status)
        if status != HTTPStatus.OK or "access_token" not in document:
            raise _make_error(status, document)
        return _parse_pair(document, requested_at)

    async def _post(self, form: Mapping[str, str]) -> tuple[int, Document]:
        problem = ""
        try:
            async with self._session.post(
                f"{self._url}/oauth/token", data=form, allow_redirects=False
            ) as response:
                return response.status, await _read_document(response)
        except (ClientError, TimeoutError, OSError) as error:
            problem = describe_failure(error)
        # Outside of the except block, so that it has no context: aiohttp's errors can show the
        # request, secrets included.
        raise UnreachableError(f"oauth/token: the workspace cannot be reached: {problem}")


@asynccontextmanager
async def open_oauth(
    url: str,
    client: OAuthClient,
    *,
    now: Callable[[], datetime],
    timeout_s: float = REQUEST_TIMEOUT_S,
    ca_file: Path | None = None,
) -> AsyncIterator[OAuthProvider]:
    """Open the provider of the workspace at ``url``.

    ``timeout_s`` is for one request, ``ca_file`` for ``make_session``.
    """
    async with make_session(url, ClientTimeout(total=timeout_s), ca_file) as session:
        yield OAuthProvider(session, url, client, now)


async def _read_document(response: ClientResponse) -> Document:
    content = await read_body("oauth/token", response, _MAX_RESPONSE_BYTES)
    if response.content_type != "application/json":
        return {}
    return parse_document(content) or {}


def _make_error(status: int, document: Document) -> WorkspaceError:
    """Return the error that a refusal means; its text is compared, never shown or logged."""
    error, text = (_parse_word(document, key) for key in ("error", "error_description"))
    if error == "invalid_grant" or text in _INVALID_GRANT:
        return GrantRefusedError("oauth/token: the code or token is used up, expired or made up")
    if error in {"invalid_client", "unauthorized_client"} or text in _INVALID_CLIENT:
        return RefusedError(
            "oauth/token: the workspace does not know this client; are [oauth] client_id and "
            "client_secret right, and is the application active?",
            "invalid_client",
        )
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return RateLimitedError("oauth/token: too many requests", _RATE_LIMIT_WAIT_S)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return UnreachableError(f"oauth/token: the workspace answered {status}")
    if status == HTTPStatus.OK or not error:
        return ProtocolError(f"oauth/token: {status} is no answer of Rocket.Chat's")
    return RefusedError(f"oauth/token: refused with {status}", "oauth refused")


def _parse_word(document: Document, key: str) -> str:
    value = document.get(key)
    return value.strip().casefold() if isinstance(value, str) else ""


def _parse_pair(document: Document, requested_at: datetime) -> TokenPair:
    access, refresh = document.get("access_token"), document.get("refresh_token")
    if not (isinstance(access, str) and access and isinstance(refresh, str) and refresh):
        raise ProtocolError("oauth/token: a token is missing in the answer")
    seconds = document.get("expires_in")
    if not (isinstance(seconds, int) and 0 < seconds <= _MAX_REFRESH_LIFETIME.total_seconds()):
        seconds = _DEFAULT_LIFETIME_S
    expires_at = requested_at + timedelta(seconds=seconds)
    return TokenPair(SecretStr(access), SecretStr(refresh), expires_at)
