"""One connection to the workspace: logged in, and subscribed."""

from collections.abc import Callable
from typing import Any

from rocketchat_async import RocketChat

from bot.errors import TokenRejectedError, UnreachableError
from bot.models import AuthToken
from bot.rocketchat.realtime import requests
from bot.rocketchat.realtime.calls import Calls


class Connection(RocketChat):  # type: ignore[misc]  # no types
    """The library's client on a link that is open already; it owns no task."""

    def __init__(self, calls: Calls) -> None:
        super().__init__()
        self._dispatcher = calls
        self.session_id = ""

    async def run_forever(self) -> None:
        """Read the link to its end; always ends in ``UnreachableError``."""
        await self._dispatcher.run()

    async def resume(self, token: AuthToken) -> None:
        """Connect and log in; needs ``run_forever`` at work in another task.

        Raises ``TokenRejectedError`` where the token is dead or somebody else's, and
        ``ProtocolError`` where the workspace speaks another protocol.
        """
        await self._connect()
        self.user_id = await self._resume(token.secret.get_secret_value())
        if self.user_id != token.user_id:
            raise TokenRejectedError("the bot's token belongs to another user id")

    async def subscribe_to_messages(self, hear: Callable[[Any, Any], None]) -> None:
        """Hear every room; ``hear`` gets a message and what the stream says about it."""
        await requests.SubscribeToMessages.call(self._dispatcher, requests.MY_MESSAGES, hear)

    async def subscribe_to_logout(self) -> None:
        """End the link when this session is logged out."""
        await requests.SubscribeToLogout.call(self._dispatcher, self.user_id, self._take_logout)

    async def send_typing_event(
        self, room_id: str, name: str, thread_id: str | None = None, *, is_typing: bool = True
    ) -> None:
        """Show, under ``name``, that the bot types or has stopped."""
        await requests.SendTyping.call(
            self._dispatcher, room_id, name, thread_id, is_typing=is_typing
        )

    async def _connect(self) -> None:
        self.session_id = await requests.Connect.call(self._dispatcher)

    async def _resume(self, token: str) -> str:
        return await requests.Resume.call(self._dispatcher, token)

    def _take_logout(self, session_id: object) -> None:
        # Up to 7.x it names no session and concerns them all; since 8.0 it may.
        if not session_id or session_id == self.session_id:
            raise UnreachableError("the workspace logged the bot out")
