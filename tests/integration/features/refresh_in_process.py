"""A process that uses one person's token whenever it is told to; see test_token_refresh.py.

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
from bot.features.accounts.audit import Audit
from bot.features.accounts.audit_store import AuditTrail
from bot.features.accounts.bearer_refusals import BearerRefusals
from bot.features.accounts.delegated_tokens import DelegatedTokens
from bot.features.accounts.store import Accounts
from bot.features.accounts.token_refresh import TokenRefresher
from bot.features.accounts.tokens import BearerSupport, Tokens
from bot.logs import open_logs
from bot.models import AuthToken
from bot.rocketchat.client import RestClient, open_rest_client
from bot.rocketchat.oauth import OAuthClient, OAuthProvider, open_oauth
from bot.storage.database import Database, open_database
from bot.storage.vault import KeyRing, Vault

REDIRECT = "http://127.0.0.1/oauth/callback"
TURN = timedelta(seconds=2)
NOBODY = AuthToken("nobody", SecretStr("nothing"))


@dataclass(frozen=True)
class World:
    """One process's way to the database and the workspace."""

    database: Database
    accounts: Accounts
    lent: DelegatedTokens
    oauth: OAuthProvider
    rest: RestClient
    renewals: TokenRefresher
    tokens: Tokens


def now() -> datetime:
    return datetime.now(UTC)


@asynccontextmanager
async def open_world(database_url: str, url: str, client: OAuthClient) -> AsyncIterator[World]:
    vault = Vault(KeyRing([bytes(range(32))]), "workspace")
    async with (
        open_database(database_url) as database,
        open_oauth(url, client, now=now, timeout_s=1.5) as oauth,
        open_rest_client(url, NOBODY) as rest,
    ):
        lent = DelegatedTokens(database, vault)
        renewals = TokenRefresher(lent, oauth, now, turn=TURN)
        audit = Audit(AuditTrail(database), now)
        bearer = BearerSupport(rest, BearerRefusals(database), now)
        tokens = Tokens(lent, renewals, rest, bearer, audit)
        accounts = Accounts(database, vault)
        yield World(database, accounts, lent, oauth, rest, renewals, tokens)


async def use(world: World, user_id: str) -> str:
    """Use the token once; say how that ended."""
    try:
        return (await world.tokens.use(user_id, world.rest.fetch_user)).username
    except BotError as error:
        return type(error).__name__


def say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


async def main() -> None:
    open_logs("ERROR", "text")
    database_url, url, client_id, user_id = sys.argv[1:]
    client = OAuthClient(client_id, SecretStr(os.environ["CLIENT_SECRET"]), REDIRECT)
    async with open_world(database_url, url, client) as world:
        say("ready")
        while await asyncio.to_thread(sys.stdin.readline):
            say(await use(world, user_id))


if __name__ == "__main__":
    asyncio.run(main())
