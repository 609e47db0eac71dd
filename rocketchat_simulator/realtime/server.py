"""Serves ``/websocket`` for a simulated workspace, and breaks it on demand."""

import asyncio
from dataclasses import replace
from typing import Final

from aiohttp import web

from rocketchat_simulator.realtime.connection import Connection
from rocketchat_simulator.realtime.flavours import MONOLITH, STREAMER, make_greeting
from rocketchat_simulator.realtime.frames import Frame
from rocketchat_simulator.realtime.login import ClientInfo, leave
from rocketchat_simulator.realtime.methods import Methods
from rocketchat_simulator.realtime.socket import Socket
from rocketchat_simulator.realtime.stream_faults import StreamFaults
from rocketchat_simulator.workspace.events import Event, MessageStored
from rocketchat_simulator.workspace.user_agent import parse_user_agent
from rocketchat_simulator.workspace.workspace import Workspace

_PING: Final[Frame] = {"msg": "ping"}


class RealtimeServer:
    """All websockets of one workspace.

    ``is_streamer`` speaks as the microservice ddp-streamer does, ``has_greeting`` lets the
    monolith send ``{"server_id": "0"}`` first, too. A client is pinged after ``ping_after``
    seconds of silence and closed when it does not answer within ``pong_within`` seconds; None is
    what the server takes: 15 and 15, ddp-streamer 30 and 30.
    """

    def __init__(
        self,
        workspace: Workspace,
        *,
        has_greeting: bool = False,
        is_streamer: bool = False,
        ping_after: float | None = None,
        pong_within: float | None = None,
    ) -> None:
        flavour = STREAMER if is_streamer else MONOLITH
        self._workspace: Final = workspace
        self._flavour: Final = replace(
            flavour,
            ping_after=flavour.ping_after if ping_after is None else ping_after,
            pong_within=flavour.pong_within if pong_within is None else pong_within,
        )
        greeting = make_greeting(workspace.version) if is_streamer else {"server_id": "0"}
        self._greeting: Final = greeting if is_streamer or has_greeting else None
        self._open: Final[dict[Connection, Socket]] = {}
        self._changed: Final = asyncio.Event()
        self._deliveries: Final = StreamFaults(self._deliver)
        self._unsubscribe: Final = workspace.subscribe(self._tell)
        self.lose_messages: Final = self._deliveries.lose
        self.repeat_messages: Final = self._deliveries.repeat
        self.hold_messages: Final = self._deliveries.hold
        self.release_messages: Final = self._deliveries.release
        self.clear_faults: Final = self._deliveries.clear_faults

    @property
    def connections(self) -> int:
        """How many websockets are open."""
        return len(self._open)

    async def wait_for_listener(self, username: str) -> None:
        """Wait until somebody is logged in and has subscribed to messages, for however long."""
        while not any(each.is_listening(username) for each in self._open):
            await self._changed.wait()

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """Talk to one client until the connection ends."""
        response = web.WebSocketResponse()
        await response.prepare(request)
        socket = Socket(request, response)
        methods = Methods(self._read_client_info(request))
        connection = Connection(
            self._workspace,
            self._flavour,
            send=socket.send,
            close=socket.close,
            call_method=methods.call,
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

    def lose_subscriptions(self) -> None:
        """Forget what open connections subscribed to, without a word; they stay, pings included.

        Seen by users of servers with several instances, and after restarts of the database:
        the socket is fine, nothing new arrives until the client connects again (server issues
        4085 and 27597).
        """
        for connection in self._open:
            connection.subscriptions.clear()

    async def close(self) -> None:
        """Stop as a server does: every connection is cut."""
        self._unsubscribe()
        await self.drop_all()

    async def _converse(self, connection: Connection, socket: Socket) -> None:
        if self._greeting is not None:
            socket.send(self._greeting)
        async with asyncio.TaskGroup() as tasks:
            writing = tasks.create_task(socket.write())
            watching: asyncio.Task[None] | None = None
            if self._flavour.pings_immediately:
                watching = tasks.create_task(socket.watch_idle(self._flavour, _PING))
            async for text in socket.read():
                connection.hear(text)
                # Whoever waits is woken; nobody finds it set.
                self._changed.set()
                self._changed.clear()
                if watching is None and connection.session_id is not None:
                    watching = tasks.create_task(socket.watch(self._flavour, _PING))
            for task in (writing, watching):
                if task is not None:
                    task.cancel()

    def _tell(self, event: Event) -> None:
        if isinstance(event, MessageStored):
            self._deliveries.take(event)
        else:
            self._deliver(event)

    def _deliver(self, event: Event) -> None:
        for connection in tuple(self._open):
            connection.tell(event)

    def _read_client_info(self, request: web.Request) -> ClientInfo:
        has_linux_version = self._workspace.version.is_before_7
        agent = request.headers.get("User-Agent")
        device = None
        if agent is not None or not has_linux_version:
            device = parse_user_agent(agent or "", has_linux_version=has_linux_version)
        return ClientInfo(device, request.headers.get("X-Real-IP"), request.host)
