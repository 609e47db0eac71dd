"""A process that uses one person's token at each line of input; see test_token_refresh.py.

Arguments: database, workspace, client id, user id. The client secret comes in the environment.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pydantic import SecretStr

from bot.errors import BotError
from bot.features.accounts.audit import AuditTrail
from bot.features.accounts.store import Accounts
from bot.features.accounts.token_refresh import TokenRefresher
from bot.features.accounts.tokens import Tokens
from bot.logs import open_logs
from bot.models import AuthToken
from bot.rocketchat.client import RestClient, open_rest_client
from bot.rocketchat.oauth import OAuthClient, OAuthProvider, open_oauth
from bot.storage.database import Database, open_database
from bot.storage.vault import KeyRing, Vault

REDIRECT = "http://127.0.0.1/oauth/callback"
LEASE = timedelta(seconds=2)
NOBODY = AuthToken("nobody", SecretStr("nothing"))


@dataclass(frozen=True)
class BotProcess:
    """What one process opens: the database, the workspace, and what works on both."""

    database: Database
    accounts: Accounts
    oauth: OAuthProvider
    rest: RestClient
    refresher: TokenRefresher
    tokens: Tokens


def now() -> datetime:
    return datetime.now(UTC)


@asynccontextmanager
async def open_bot_process(
    database_url: str, url: str, client: OAuthClient
) -> AsyncIterator[BotProcess]:
    vault = Vault(KeyRing([bytes(range(32))]), "workspace")
    async with (
        open_database(database_url) as database,
        open_oauth(url, client, now=now, timeout_s=1.5) as oauth,
        open_rest_client(url, NOBODY) as rest,
    ):
        accounts = Accounts(database, vault)
        refresher = TokenRefresher(accounts, oauth, now, lease=LEASE)
        audit = AuditTrail(database, now)
        tokens = Tokens(accounts, refresher, rest, database, audit, now)
        yield BotProcess(database, accounts, oauth, rest, refresher, tokens)


async def use(bot: BotProcess, user_id: str) -> str:
    """Use the token once; return the user name, or the name of the error."""
    try:
        return (
            await bot.tokens.use(user_id, lambda each: bot.rest.fetch_user(each.token))
        ).username
    except BotError as error:
        return type(error).__name__


def say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


async def main() -> None:
    open_logs("ERROR", "text")
    database_url, url, client_id, user_id = sys.argv[1:]
    client = OAuthClient(client_id, SecretStr(os.environ["CLIENT_SECRET"]), REDIRECT)
    async with open_bot_process(database_url, url, client) as bot:
        say("ready")
        while await asyncio.to_thread(sys.stdin.readline):
            say(await use(bot, user_id))


if __name__ == "__main__":
    asyncio.run(main())
