"""Commands for a simulator that runs as a program of its own: what its tests do in Python."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any, Final

from rocketchat_simulator.faults import Outage
from rocketchat_simulator.server import Simulator
from rocketchat_simulator.workspace.documents import Document, render_iso
from rocketchat_simulator.workspace.models import Room, User

Command = Callable[..., Awaitable[object]]


class Control:
    """Runs commands such as ``{"do": "say", "user": "ann", "room": "general", "text": "hello"}``.

    The other keys are the arguments of the method that ``do`` names; the answer has ``ok``, and
    ``result`` or ``error``. A room is the name of a channel or group, or for a direct message
    ``@name`` of the other user.
    """

    def __init__(self, simulator: Simulator) -> None:
        self._simulator: Final = simulator
        self._workspace: Final = simulator.workspace
        self._commands: Final[Mapping[str, Command]] = {
            "say": self._say,
            "messages": self._list_messages,
            "requests": self._list_requests,
            "wait_for_listener": self._wait_for_listener,
            "advance": self._advance,
            "restart": self._restart,
            "outage": self._outage,
            "drop": self._drop,
            "close": self._close,
            "lose_messages": self._lose_messages,
            "fail_next": self._fail_next,
        }

    async def run(self, line: bytes) -> Document:
        """Run the command in one line of JSON; return the answer."""
        try:
            given: dict[str, Any] = json.loads(line)
            command = self._commands[given.pop("do")]
            return {"ok": True, "result": render_iso(await command(**given))}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            return {"ok": False, "error": f"{type(error).__name__}: {error}"}

    def _find_user(self, name: str) -> User:
        user = self._workspace.find_user_by_name(name)
        if user is None:
            message = f"no user {name}"
            raise ValueError(message)
        return user

    def _find_room(self, name: str, user: str) -> Room:
        if name.startswith("@"):
            return self._workspace.direct_room(self._find_user(user), self._find_user(name[1:]))
        room = self._workspace.rooms.find_by_name(name)
        if room is None:
            message = f"no room {name}"
            raise ValueError(message)
        return room

    async def _say(self, user: str, room: str, text: str, thread: str | None = None) -> object:
        """Say a text as a user; return the message."""
        author = self._find_user(user)
        return self._workspace.say(author, self._find_room(room, user), text, thread_id=thread)

    async def _list_messages(self, room: str, user: str = "") -> object:
        """Return the messages of a room, oldest first; ``user`` is needed for direct messages."""
        return self._workspace.messages.of(self._find_room(room, user))

    async def _list_requests(self) -> object:
        """Return the REST calls so far as lists of method, path and status."""
        return [[each.method, each.path, each.status] for each in self._simulator.requests]

    async def _wait_for_listener(self, user: str) -> None:
        """Wait until a user is logged in on a websocket and has subscribed to messages."""
        await self._simulator.realtime.wait_for_listener(user)

    async def _advance(self, seconds: float) -> None:
        """Put the workspace's clock forward."""
        self._simulator.skew += timedelta(seconds=seconds)

    async def _restart(self, seconds: float = 0.0) -> None:
        """Restart the server; it refuses connections for so long."""
        await self._simulator.restart(seconds)

    async def _outage(self, kind: str, seconds: float) -> None:
        """Be away: ``REFUSED``, ``UNAVAILABLE``, ``RESET`` or ``SILENT``."""
        async with self._simulator.outage(Outage[kind]):
            await asyncio.sleep(seconds)

    async def _drop(self) -> None:
        """Cut all websockets."""
        await self._simulator.realtime.drop_all()

    async def _close(self, code: int = 1001) -> None:
        """Close all websockets with a code."""
        self._simulator.realtime.close_all(code)

    async def _lose_messages(self, times: int = 1) -> None:
        """Deliver the next messages to nobody."""
        self._simulator.realtime.lose_messages(times)

    async def _fail_next(self, route: str, status: int = 500, times: int = 1) -> None:
        """Fail the next calls of a REST route, as ``chat.sendMessage``."""
        self._simulator.faults.fail_next(route, status=status, times=times)
