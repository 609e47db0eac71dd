"""Serves ``/websocket`` for a simulated workspace, and breaks it on demand."""

import asyncio
from typing import Final

from aiohttp import WSCloseCode, web

from bot.simulator.events import Event, MessageStored
from bot.simulator.realtime.connection import Connection
from bot.simulator.realtime.login import Visitor, leave
from bot.simulator.realtime.methods import Methods
from bot.simulator.realtime.socket import Socket
from bot.simulator.user_agent import parse_user_agent
from bot.simulator.workspace import Workspace

PING_AFTER: Final = 15.0
PONG_WITHIN: Final = 15.0
_NO_PONG: Final = 4000


class RealtimeFace:
    """All websockets of one workspace.

    ``has_greeting`` sends ``{"server_id": "0"}`` first. A client is pinged after ``ping_after``
    seconds of silence and closed when it does not answer within ``pong_within`` seconds.
    ``is_streamer`` speaks as the microservice ddp-streamer does (see Connection).
    """

    def __init__(
        self,
        workspace: Workspace,
        *,
        has_greeting: bool = False,
        is_streamer: bool = False,
        ping_after: float = PING_AFTER,
        pong_within: float = PONG_WITHIN,
    ) -> None:
        self._workspace: Final = workspace
        self._has_greeting: Final = has_greeting or is_streamer
        self._is_streamer: Final = is_streamer
        self._ping_after: Final = ping_after
        self._pong_within: Final = pong_within
        self._open: Final[dict[Connection, Socket]] = {}
        self._lost_messages = self._repeated_messages = 0
        self._unsubscribe: Final = workspace.subscribe(self._tell)

    @property
    def connections(self) -> int:
        """How many websockets are open."""
        return len(self._open)

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """Talk to one client until the connection ends."""
        response = web.WebSocketResponse()
        await response.prepare(request)
        socket = Socket(request, response)
        methods = Methods(self._make_visitor(request))
        connection = Connection(
            self._workspace,
            send=socket.send,
            close=socket.close,
            call_method=methods.call,
            is_streamer=self._is_streamer,
        )
        self._open[connection] = socket
        try:
            await self._converse(connection, socket)
        finally:
            self._open.pop(connection, None)
            leave(connection)
        return response

    async def drop_all(self) -> None:
        """Cut every connection without a word, as a crash does; clients see 1006."""
        for socket in tuple(self._open.values()):
            socket.drop()
        await asyncio.sleep(0)

    def hang(self) -> None:
        """Leave every open connection half-open: nothing is read or written, nothing closed."""
        for socket in self._open.values():
            socket.hang()

    def close_all(self, code: int) -> None:
        """Close every connection with this code, as a deployment (1001) or a gateway does."""
        for socket in tuple(self._open.values()):
            socket.close(code)

    def lose_messages(self, times: int = 1) -> None:
        """Let the next messages reach nobody over the websocket; they are stored all the same."""
        self._lost_messages += times

    def repeat_messages(self, times: int = 1) -> None:
        """Deliver each of the next messages twice."""
        self._repeated_messages += times

    def forget_faults(self) -> None:
        """Deliver messages once again."""
        self._lost_messages = self._repeated_messages = 0

    async def close(self) -> None:
        """Stop as a server does: every connection is cut."""
        self._unsubscribe()
        await self.drop_all()

    async def _converse(self, connection: Connection, socket: Socket) -> None:
        if self._has_greeting:
            socket.send({"server_id": "0"})
        async with asyncio.TaskGroup() as tasks:
            writing = tasks.create_task(socket.write())
            watching: asyncio.Task[None] | None = None
            async for text in socket.read():
                connection.hear(text)
                if watching is None and connection.session_id is not None:
                    watching = tasks.create_task(self._watch(socket))
            for task in (writing, watching):
                if task is not None:
                    task.cancel()

    async def _watch(self, socket: Socket) -> None:
        code = _NO_PONG if self._is_streamer else WSCloseCode.OK
        await socket.watch(self._ping_after, self._pong_within, {"msg": "ping"}, code)

    def _tell(self, event: Event) -> None:
        times = self._count_deliveries() if isinstance(event, MessageStored) else 1
        for _ in range(times):
            for connection in tuple(self._open):
                connection.tell(event)

    def _count_deliveries(self) -> int:
        if self._lost_messages:
            self._lost_messages -= 1
            return 0
        if self._repeated_messages:
            self._repeated_messages -= 1
            return 2
        return 1

    def _make_visitor(self, request: web.Request) -> Visitor:
        has_linux_version = self._workspace.version.is_early
        agent = request.headers.get("User-Agent")
        device = None
        if agent is not None or not has_linux_version:
            device = parse_user_agent(agent or "", has_linux_version=has_linux_version)
        return Visitor(device, request.headers.get("X-Real-IP"), request.host)
