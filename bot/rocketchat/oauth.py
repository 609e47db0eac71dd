"""Rocket.Chat as OAuth 2 provider: the address of its consent page, and the token endpoint.

There are no scopes and no PKCE: from 7.4 on a request that sends a ``code_verifier`` is refused,
because the server never stores the challenge (RocketChat/Rocket.Chat issue 35419).
"""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.metadata import version
from typing import Final, NoReturn
from urllib.parse import urlencode

import structlog
from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout, DummyCookieJar
from pydantic import SecretStr

from bot.errors import (
    GrantRefusedError,
    ProtocolError,
    RateLimitedError,
    RefusedError,
    UnreachableError,
)
from bot.models import Document, TokenPair
from bot.rocketchat.transport import parse_document

REFRESH_LIFE: Final = timedelta(days=14)
"""How long a refresh token lives: server source ``server/oauth2-server/oauth.ts``, 8.3."""
TIMEOUT: Final = 10.0
"""Seconds after which a request to the token endpoint is given up."""

_MAX_BYTES: Final = 64 * 1024
_DEFAULT_LIFE: Final = 3600
_TOO_MANY: Final = 429
_BUSY_WAIT: Final = 60.0
_SERVER_ERROR: Final = 500
_OK: Final = 200
# The model's own words, which come as 503 like a workspace that is down (seen on 6.5.3 and 8.3).
_USED_UP: Final = frozenset({"invalid authcode", "invalid token", "invalid refresh token"})
_STRANGER: Final = frozenset({"invalid clientid", "invalid client"})


@dataclass(frozen=True, slots=True)
class OAuthClient:
    """What the workspace's administrator registered for the bot."""

    client_id: str
    client_secret: SecretStr
    redirect_uri: str


class OAuth:
    """One workspace as provider, for one client."""

    def __init__(
        self, session: ClientSession, url: str, client: OAuthClient, now: Callable[[], datetime]
    ) -> None:
        self._session: Final = session
        self._url: Final = url.rstrip("/")
        self._client: Final = client
        self._now: Final = now
        self._log = structlog.get_logger("oauth")

    def make_consent_url(self, state: SecretStr) -> str:
        """Make the address where people say whether they let the bot in."""
        query = {
            "response_type": "code",
            "client_id": self._client.client_id,
            "redirect_uri": self._client.redirect_uri,
            "state": state.get_secret_value(),
        }
        return f"{self._url}/oauth/authorize?{urlencode(query)}"

    async def exchange(self, code: SecretStr) -> TokenPair:
        """Turn an authorization code into tokens; it is used up by this, well or not.

        Raises ``GrantRefusedError`` for a code that is used up, expired or made up, and other
        ``WorkspaceError``.
        """
        return await self._ask(
            grant_type="authorization_code",
            code=code.get_secret_value(),
            redirect_uri=self._client.redirect_uri,
        )

    async def refresh(self, token: SecretStr) -> TokenPair:
        """Turn a refresh token into the next pair; both tokens of the old one are dead at once.

        Raises ``GrantRefusedError`` for a token that is used up or expired. After an
        ``UnreachableError`` nobody knows whether the old pair is still good.
        """
        return await self._ask(grant_type="refresh_token", refresh_token=token.get_secret_value())

    async def _ask(self, **form: str) -> TokenPair:
        asked_at = self._now()
        form |= {
            "client_id": self._client.client_id,
            "client_secret": self._client.client_secret.get_secret_value(),
        }
        status, document = await self._post(form)
        self._log.debug("asked for tokens", grant=form["grant_type"], status=status)
        if status != _OK or "access_token" not in document:
            _complain(status, document)
        return _parse_pair(document, asked_at)

    async def _post(self, form: Mapping[str, str]) -> tuple[int, Document]:
        problem = ""
        try:
            async with self._session.post(
                f"{self._url}/oauth/token", data=form, allow_redirects=False
            ) as response:
                return response.status, await _read_document(response)
        except (ClientError, TimeoutError, OSError) as error:
            problem = "no answer in time" if isinstance(error, TimeoutError) else repr(type(error))
        # Outside of the except block: aiohttp's errors can show the request, secrets included.
        raise UnreachableError(f"oauth/token: the workspace cannot be reached: {problem}")


@asynccontextmanager
async def open_oauth(
    url: str,
    client: OAuthClient,
    *,
    now: Callable[[], datetime],
    timeout: float = TIMEOUT,  # noqa: ASYNC109 - aiohttp keeps it, request by request
) -> AsyncIterator[OAuth]:
    """Open the provider of the workspace at ``url``; ``timeout`` is for one request, in seconds."""
    async with ClientSession(
        headers={"User-Agent": f"session-bot/{version('session-bot')}"},
        timeout=ClientTimeout(total=timeout),
        cookie_jar=DummyCookieJar(),
    ) as session:
        yield OAuth(session, url, client, now)


async def _read_document(response: ClientResponse) -> Document:
    content = await response.content.read(_MAX_BYTES)
    if response.content_type != "application/json":
        return {}
    return parse_document(content) or {}


def _complain(status: int, document: Document) -> NoReturn:
    """Raise what a refusal means; its text is compared, never shown or logged."""
    error, text = (_read_word(document, key) for key in ("error", "error_description"))
    if error == "invalid_grant" or text in _USED_UP:
        raise GrantRefusedError("oauth/token: the code or token is used up, expired or made up")
    if error in {"invalid_client", "unauthorized_client"} or text in _STRANGER:
        raise RefusedError(
            "oauth/token: the workspace does not know this client; are [oauth] client_id and "
            "client_secret right, and is the application active?",
            "invalid_client",
        )
    if status == _TOO_MANY:
        raise RateLimitedError("oauth/token: too many requests", _BUSY_WAIT)
    if status >= _SERVER_ERROR:
        raise UnreachableError(f"oauth/token: the workspace answered {status}")
    if status == _OK or not error:
        raise ProtocolError(f"oauth/token: {status} is no answer of Rocket.Chat's")
    raise RefusedError(f"oauth/token: refused with {status}", "oauth refused")


def _read_word(document: Document, key: str) -> str:
    value = document.get(key)
    return value.strip().casefold() if isinstance(value, str) else ""


def _parse_pair(document: Document, asked_at: datetime) -> TokenPair:
    access, refresh = document.get("access_token"), document.get("refresh_token")
    if not (isinstance(access, str) and access and isinstance(refresh, str) and refresh):
        raise ProtocolError("oauth/token: a token is missing in the answer")
    life = document.get("expires_in")
    seconds = life if isinstance(life, int) and 0 < life <= REFRESH_LIFE.total_seconds() else 0
    expires_at = asked_at + timedelta(seconds=seconds or _DEFAULT_LIFE)
    return TokenPair(SecretStr(access), SecretStr(refresh), expires_at)
