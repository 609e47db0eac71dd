"""Whether the workspace takes OAuth tokens at all: versions 7.5 to 7.13 ignore them over REST."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

import structlog

from bot.errors import WorkspaceError
from bot.rocketchat.rest import Rest
from bot.services.patience import within
from bot.storage.bearer_refusals import BearerRefusals

_PATIENCE: Final = 5.0


class BearerSupport:
    """Remembers by version what was seen, so that an update of the workspace is tried anew."""

    def __init__(self, rest: Rest, refusals: BearerRefusals, now: Callable[[], datetime]) -> None:
        self._rest: Final = rest
        self._refusals: Final = refusals
        self._now: Final = now
        self._log = structlog.get_logger("bearer")

    async def is_missing(self) -> bool:
        """Tell whether the workspace's present version was seen to ignore bearer tokens."""
        if not await self._refusals.has_any():
            return False
        try:
            version = await within(_PATIENCE, self._rest.fetch_version(), lambda: None)
            return await self._refusals.contains(version)
        except WorkspaceError:
            return False

    async def note_missing(self) -> None:
        """Remember that the present version ignores them; a later one will be tried again."""
        try:
            version = await self._rest.fetch_version()
        except WorkspaceError as error:
            self._log.warning("the workspace does not tell its version", problem=str(error))
            return
        self._log.warning("the workspace ignores bearer tokens", version=version)
        await self._refusals.save(version, self._now())
