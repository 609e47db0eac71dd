"""Checks of the answers to ``session-bot init``, each as soon as it is given."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from bot.admin.checks.network import check_https, check_oauth_client, check_port
from bot.admin.checks.result import CheckResult, Level, make_ok, make_problem
from bot.admin.checks.workspace import (
    check_forged_tokens,
    check_licence,
    check_listening,
    check_login,
    check_reach,
    check_roles,
    check_room,
)
from bot.config import OAuthSettings, check_url
from bot.errors import ConfigError, StorageError
from bot.models import AuthToken
from bot.rocketchat.client import open_rest_client
from bot.rocketchat.oauth import OAuthClient
from bot.storage.engine import make_absolute, make_engine
from bot.storage.inspection import inspect_database

NOT_THE_ANSWERS_FAULT: Final = frozenset({"listening", "tokens", "licence"})
"""Subjects of problems that another answer to the same question would not solve."""


def complete_url(text: str) -> str:
    """Return an address with https:// where it was left out; raise ValueError with the reason."""
    url = text.strip()
    return check_url(url if "://" in url else f"https://{url}")


def complete_storage(text: str) -> str:
    """Return the address of a database, which may be given as a file's path."""
    return text if ":" in text else f"sqlite:///{text}"


class SetupChecks:
    """Checks against the workspace and this machine; ``timeout_s`` limits each request."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s: Final = timeout_s

    async def check_workspace(self, url: str) -> AsyncIterator[CheckResult]:
        """Check that Rocket.Chat answers at the URL."""
        no_token = AuthToken("", SecretStr(""))
        async with open_rest_client(url, no_token, timeout_s=self._timeout_s) as rest:
            yield (await check_reach(rest, url))[0]

    async def check_token(self, url: str, token: AuthToken) -> AsyncIterator[CheckResult]:
        """Check the bot's token, and what the workspace lets it do."""
        async with open_rest_client(url, token, timeout_s=self._timeout_s) as rest:
            login = await check_login(rest, token)
            yield login
            if login.level is Level.PROBLEM:
                return
            yield await check_listening(url, token, self._timeout_s)
            yield await check_roles(rest)
            yield await check_forged_tokens(rest, token)
            yield await check_licence(rest)

    async def check_room(self, url: str, token: AuthToken, room: str) -> AsyncIterator[CheckResult]:
        """Check the room of the status report."""
        async with open_rest_client(url, token, timeout_s=self._timeout_s) as rest:
            yield await check_room(rest, room)

    async def check_oauth(
        self, url: str, oauth: OAuthSettings, public_url: str
    ) -> AsyncIterator[CheckResult]:
        """Check that the workspace knows the OAuth application."""
        redirect_uri = f"{public_url}/oauth/callback"
        client = OAuthClient(oauth.client_id, oauth.client_secret, redirect_uri)
        yield await check_oauth_client(url, client, self._timeout_s)

    async def check_public_url(self, public_url: str) -> AsyncIterator[CheckResult]:
        """Check that tokens can be pasted there safely."""
        yield check_https(public_url)

    async def check_port(self, port: int) -> AsyncIterator[CheckResult]:
        """Check that the bot can listen on the port."""
        yield check_port("127.0.0.1", port)

    async def check_storage(self, storage: str, folder: Path) -> AsyncIterator[CheckResult]:
        """Check that the database can be used; a relative file is in ``folder``."""
        try:
            make_engine(storage).dispose()  # which refuses what is no address
            found = await inspect_database(make_absolute(storage, folder))
        except (ConfigError, StorageError) as error:
            yield make_problem("storage", str(error))
            return
        yield make_ok("storage", "empty so far" if found.is_new else "a database of the bot's")
