"""Whether the workspace looks at OAuth tokens (bearer tokens) at all; some versions do not."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

import structlog
from sqlalchemy import select

from bot.errors import WorkspaceError
from bot.features.accounts.deadline import within
from bot.rocketchat.client import RestClient
from bot.storage.database import Database
from bot.storage.tables import bearer_refusals

_VERSION_TIMEOUT_S: Final = 5.0
_LOAD: Final = select(bearer_refusals.c.version)


class BearerSupport:
    """Remembers by version what was seen, so that a new version is tried again.

    Every method raises StorageError.
    """

    def __init__(self, rest: RestClient, database: Database, now: Callable[[], datetime]) -> None:
        self._rest: Final = rest
        self._database: Final = database
        self._now: Final = now
        self._log = structlog.get_logger("bearer")

    async def is_missing(self) -> bool:
        """Return whether the workspace's present version was seen to ignore bearer tokens."""
        versions = {row.version for row in await self._database.fetch_all(_LOAD)}
        if not versions:
            return False
        try:
            version = await within(_VERSION_TIMEOUT_S, self._rest.fetch_version(), lambda: None)
        except WorkspaceError:
            return False
        return version in versions

    async def note_missing(self) -> None:
        """Remember that the present version ignores them."""
        try:
            version = await self._rest.fetch_version()
        except WorkspaceError as error:
            self._log.warning("the workspace does not tell its version", problem=str(error))
            return
        self._log.warning("the workspace ignores bearer tokens", version=version)
        values = {"version": version, "refused_at": self._now()}
        await self._database.insert_or_ignore(bearer_refusals, values)
