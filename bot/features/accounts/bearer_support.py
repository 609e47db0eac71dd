"""Whether the workspace looks at OAuth tokens (bearer tokens) at all; some versions do not."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

import structlog

from bot.deadline import within
from bot.errors import WorkspaceError
from bot.features.accounts.bearer_refusals import BearerRefusals
from bot.rocketchat.client import RestClient

_VERSION_TIMEOUT_S: Final = 5.0


class BearerSupport:
    """Remembers by version what was seen, so that a new version is tried again."""

    def __init__(
        self, rest: RestClient, refusals: BearerRefusals, now: Callable[[], datetime]
    ) -> None:
        self._rest: Final = rest
        self._refusals: Final = refusals
        self._now: Final = now
        self._log = structlog.get_logger("bearer")

    async def is_missing(self) -> bool:
        """Return whether the workspace's present version was seen to ignore bearer tokens."""
        if not await self._refusals.has_any():
            return False
        try:
            version = await within(_VERSION_TIMEOUT_S, self._rest.fetch_version(), lambda: None)
            return await self._refusals.contains(version)
        except WorkspaceError:
            return False

    async def note_missing(self) -> None:
        """Remember that the present version ignores them."""
        try:
            version = await self._rest.fetch_version()
        except WorkspaceError as error:
            self._log.warning("the workspace does not tell its version", problem=str(error))
            return
        self._log.warning("the workspace ignores bearer tokens", version=version)
        await self._refusals.save(version, self._now())
