"""Our bot as a contestant: the real program with inbox, sealed tokens and checkpoint on a file."""

import base64
import os
import sys
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from pydantic import SecretStr

from benchmarks.place.ledger import ID_KEY
from benchmarks.place.plan import Site
from benchmarks.program import Program
from bot.app import open_vault
from bot.config import load_settings
from bot.features.accounts.store import Accounts, ConnectedAccount
from bot.models import AuthToken
from bot.storage.database import open_database
from bot.storage.message_id_key import load_message_id_key

PROGRAM = str(Path(sys.executable).with_name("session-bot"))


@asynccontextmanager
async def open_ours(
    site: Site, folder: Path, turn: AbstractAsyncContextManager[None]
) -> AsyncIterator[Program]:
    """Make ``session-bot run`` ready, everybody being connected; it is ended with the block.

    ``turn`` is held while tables are made, as alembic can do that once at a time in a process.
    """
    config = write_config(site, folder)
    async with turn:
        await connect_everybody(config, site)
    program = Program([PROGRAM, "run", "--config", str(config)], folder)
    try:
        yield program
    finally:
        await program.end()


def write_config(site: Site, folder: Path, database: str = "") -> Path:
    """Write what an operator would, and nothing that is not the default otherwise."""
    database = database or f"sqlite:///{folder.absolute() / 'bot.db'}"
    key = base64.urlsafe_b64encode(os.urandom(32)).decode()
    config = folder / "config.toml"
    config.write_text(
        f'[workspace]\nurl = "{site.url}"\n'
        f'user_id = "{site.bot.user_id}"\nauth_token = "{site.bot.token}"\n'
        '[web]\npublic_url = "http://127.0.0.1:0"\nport = 0\n'
        f'[storage]\nurl = "{database}"\n'
        f'[vault]\nkeys = ["{key}"]\n'
    )
    return config


async def connect_everybody(config: Path, site: Site) -> None:
    """Store everybody's token, sealed, as if they had connected."""
    settings = load_settings(config)
    async with open_database(settings.storage.url) as database:
        vault = await open_vault(database, settings)
        await load_message_id_key(database, vault, if_missing=SecretStr(ID_KEY.decode()))
        accounts = Accounts(database, vault)
        now = datetime.now(UTC)
        for person in site.people:
            token = AuthToken(person.user_id, SecretStr(person.token))
            await accounts.save(
                ConnectedAccount(
                    user_id=person.user_id,
                    username=person.username,
                    kind="personal_access_token",
                    connected_at=now,
                    language="en",
                ),
                token,
            )
            # Or the bot would tell each of them so when it starts.
            await accounts.mark_notified(person.user_id, now, now)
