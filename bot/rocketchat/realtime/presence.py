"""Who comes online: asked of each connection for the users that are followed.

The server tells 0.03 to 0.06 s after a login that somebody came online, but not of a second device
of somebody who is online already, nor of those who hide (seen on 6.5.3 and 8.3).
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final

import structlog

from bot.errors import RefusedError
from bot.rocketchat.realtime.connection import Connection

_OFFLINE: Final = 0  # 1 is online, 2 away, 3 busy


def _ignore(_user_id: str) -> None:
    pass


class PresenceFollower:
    """Follows users on one connection after the other.

    ``on_online`` is called with the id of each who was offline, or not heard of, and is online.
    """

    def __init__(self) -> None:
        self.on_online: Callable[[str], None] = _ignore
        self._wanted: frozenset[str] = frozenset()
        self._has_changed: Final = asyncio.Event()
        self._online: Final[set[str]] = set()
        self._log = structlog.get_logger("realtime")

    def follow(self, user_ids: frozenset[str]) -> None:
        """Follow these users from now on, and no others."""
        self._wanted = user_ids
        self._has_changed.set()

    async def run(self, connection: Connection) -> None:
        """Keep the connection's subscription up to date; raises ``UnreachableError``."""
        followed: frozenset[str] = frozenset()
        self._online.clear()
        self._has_changed.set()
        is_subscribed = False
        while True:
            await self._has_changed.wait()
            self._has_changed.clear()
            added, removed = self._wanted - followed, followed - self._wanted
            followed = self._wanted
            self._online.difference_update(removed)
            if is_subscribed:
                await connection.change_presence(added, removed)
            elif added:
                try:
                    await connection.subscribe_to_presence(added, self._note)
                except RefusedError as error:
                    self._log.warning("not told who comes online", reason=str(error))
                    return
                is_subscribed = True

    def _note(self, user_id: str, arguments: list[Any]) -> None:
        match arguments:
            case [[_, int(status), *_], *_] if user_id in self._wanted:
                if status == _OFFLINE:
                    self._online.discard(user_id)
                elif user_id not in self._online:
                    self._online.add(user_id)
                    self.on_online(user_id)
