"""A process that uses one person's token whenever it is told to; see test_renewals.py.

``python -m tests.integration.renewing <database> <workspace> <client id> <user id>``; the client
secret comes in the environment.
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
from bot.logs import open_logs
from bot.models import AuthToken
from bot.rocketchat.oauth import OAuth, OAuthClient, open_oauth
from bot.rocketchat.rest import Rest, open_rest
from bot.services.audit import Audit
from bot.services.bearer import BearerSupport
from bot.services.renewals import Renewals
from bot.services.tokens import Tokens
from bot.storage.accounts import Accounts
from bot.storage.audit import AuditTrail
from bot.storage.bearer_refusals import BearerRefusals
from bot.storage.database import Database, open_database
from bot.storage.dossier import make_foresight
from bot.storage.keys import KeyRing
from bot.storage.lent_tokens import LentTokens
from bot.storage.vault import Vault

REDIRECT = "http://127.0.0.1/oauth/callback"
TURN = timedelta(seconds=2)
NOBODY = AuthToken("nobody", SecretStr("nothing"))


@dataclass(frozen=True)
class World:
    """One process's way to the database and the workspace."""

    database: Database
    accounts: Accounts
    lent: LentTokens
    oauth: OAuth
    rest: Rest
    renewals: Renewals
    tokens: Tokens


def now() -> datetime:
    return datetime.now(UTC)


@asynccontextmanager
async def open_world(database_url: str, url: str, client: OAuthClient) -> AsyncIterator[World]:
    vault = Vault(KeyRing([bytes(range(32))]), "workspace")
    async with (
        open_database(database_url) as database,
        open_oauth(url, client, now=now, timeout=1.5) as oauth,
        open_rest(url, NOBODY) as rest,
    ):
        lent = LentTokens(database, vault, make_foresight(database))
        renewals = Renewals(lent, oauth, now, turn=TURN)
        audit = Audit(AuditTrail(database), now)
        bearer = BearerSupport(rest, BearerRefusals(database), now)
        tokens = Tokens(lent, renewals, rest, bearer, audit)
        accounts = Accounts(database, vault, make_foresight(database))
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
