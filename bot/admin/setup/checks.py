"""Checks of the answers to ``session-bot init``, each as soon as it is given."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from bot.admin.checks.network import check_https, check_oauth_client, check_port
from bot.admin.checks.result import CheckResult, Level, make_ok, make_problem
from bot.admin.checks.workspace import (
    CHECK_TIMEOUT_S,
    check_after_login,
    check_login,
    check_reach,
    check_room,
)
from bot.admin.setup.answers import NO_TOKEN
from bot.config import OAuthSettings
from bot.errors import ConfigError, StorageError
from bot.models import AuthToken
from bot.rocketchat.client import open_rest_client
from bot.storage.engine import make_absolute, make_engine
from bot.storage.inspection import inspect_database


class SetupChecks:
    """Checks answers against the workspace and this machine, and prints what it finds.

    Each check returns False if another answer to the same question may solve a problem.
    """

    def __init__(self, echo: Callable[[str], None]) -> None:
        self._echo: Final = echo

    def show(self, result: CheckResult) -> bool:
        """Print a result; return whether it is no problem."""
        self._echo(str(result))
        return result.level is not Level.PROBLEM

    async def check_workspace(self, url: str) -> bool:
        """Check that Rocket.Chat answers at the URL."""
        async with open_rest_client(url, NO_TOKEN, timeout_s=CHECK_TIMEOUT_S) as rest:
            return self.show((await check_reach(rest, url))[0])

    async def check_token(self, url: str, token: AuthToken) -> bool:
        """Check the bot's token, and show what the workspace lets it do."""
        async with open_rest_client(url, token, timeout_s=CHECK_TIMEOUT_S) as rest:
            if not self.show(await check_login(rest, token)):
                return False
            async for result in check_after_login(rest, url, token, CHECK_TIMEOUT_S):
                self.show(result)
        return True

    async def check_room(self, url: str, token: AuthToken, room: str) -> bool:
        """Check the room of the status report, if there is to be one."""
        if not room:
            return True
        async with open_rest_client(url, token, timeout_s=CHECK_TIMEOUT_S) as rest:
            return self.show(await check_room(rest, room))

    async def check_oauth(self, url: str, oauth: OAuthSettings, public_url: str) -> bool:
        """Check that the workspace knows the OAuth application, if there is one."""
        if not oauth.client_id:
            return True
        return self.show(await check_oauth_client(url, oauth, public_url, CHECK_TIMEOUT_S))

    async def check_public_url(self, public_url: str) -> bool:
        """Check that tokens can be pasted there safely."""
        return self.show(check_https(public_url))

    async def check_port(self, port: int) -> bool:
        """Check that the bot can listen on the port."""
        return self.show(check_port("127.0.0.1", port))

    async def check_storage(self, storage: str, folder: Path) -> bool:
        """Check that the database can be used; a relative file is in ``folder``."""
        try:
            make_engine(storage).dispose()  # which refuses what is no address
            found = await inspect_database(make_absolute(storage, folder))
        except (ConfigError, StorageError) as error:
            return self.show(make_problem("storage", str(error)))
        text = "empty so far" if found.is_new else "a database of the bot's"
        return self.show(make_ok("storage", text))
