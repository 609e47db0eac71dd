"""Whether the workspace looks at OAuth tokens (bearer tokens) at all; some versions do not.

What was seen is remembered by version, so that a new version is tried again.
"""

import asyncio
from datetime import datetime
from typing import Final

import structlog
from sqlalchemy import select

from bot.errors import WorkspaceError
from bot.rocketchat.client import RestClient
from bot.storage.database import Database
from bot.storage.tables import bearer_refusals

_VERSION_TIMEOUT_S: Final = 5.0
_LOAD: Final = select(bearer_refusals.c.version)


async def is_bearer_ignored(database: Database, rest: RestClient) -> bool:
    """Return whether the workspace's present version was seen to ignore bearer tokens.

    Raises StorageError.
    """
    versions = {row.version for row in await database.fetch_all(_LOAD)}
    if not versions:
        return False
    try:
        async with asyncio.timeout(_VERSION_TIMEOUT_S):
            return await rest.fetch_version() in versions
    except (TimeoutError, WorkspaceError):
        return False


async def note_bearer_ignored(database: Database, rest: RestClient, now: datetime) -> None:
    """Remember that the present version ignores them; raises StorageError."""
    log = structlog.get_logger("bearer")
    try:
        version = await rest.fetch_version()
    except WorkspaceError as error:
        log.warning("the workspace does not tell its version", problem=str(error))
        return
    log.warning("the workspace ignores bearer tokens", version=version)
    values = {"version": version, "refused_at": now}
    await database.insert_or_ignore(bearer_refusals, values)
