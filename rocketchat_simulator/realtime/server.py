"""The realtime server: all websockets of a workspace, and their faults."""

import asyncio
from dataclasses import replace
from typing import Final

from aiohttp import web

from rocketchat_simulator.realtime.connection import Connection
from rocketchat_simulator.realtime.flavours import MONOLITH, STREAMER, make_greeting
from rocketchat_simulator.realtime.frames import Frame
from rocketchat_simulator.realtime.login import ClientInfo, clear_login
from rocketchat_simulator.realtime.methods import Methods
from rocketchat_simulator.realtime.socket import Socket
from rocketchat_simulator.realtime.stream_faults import StreamFaults
from rocketchat_simulator.workspace.events import Event, MessageStored
from rocketchat_simulator.workspace.models import User
from rocketchat_simulator.workspace.user_agent import parse_user_agent
from rocketchat_simulator.workspace.workspace import Workspace

_PING: Final[Frame] = {"msg": "ping"}


class RealtimeServer:
    """Serves ``/websocket`` for one workspace.

    With ``is_streamer`` it behaves as the microservice ddp-streamer, else as Meteor; with
    ``has_greeting``, Meteor also sends ``{"server_id": "0"}`` first. A client from which nothing
    was received for ``ping_after`` seconds is pinged, and closed if it does not answer within
    ``pong_within`` seconds. None is the server's own value: 15 and 15, for ddp-streamer 30 and 30.
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
        self._sockets: Final[dict[Connection, Socket]] = {}
        self._has_received: Final = asyncio.Event()
        self._faults: Final = StreamFaults(self._deliver)
        self._unsubscribe: Final = workspace.subscribe(self._publish)
        self.lose_messages: Final = self._faults.lose
        self.repeat_messages: Final = self._faults.repeat
        self.hold_messages: Final = self._faults.hold
        self.release_messages: Final = self._faults.release
        self.clear_faults: Final = self._faults.clear

    @property
    def connections(self) -> int:
        """The number of open websockets."""
        return len(self._sockets)

    async def wait_for_listener(self, username: str) -> None:
        """Wait until a user is logged in and has subscribed to messages, without a timeout."""
        while not any(each.is_listening(username) for each in self._sockets):
            await self._has_received.wait()

    def count_followers(self, user: User) -> int:
        """Return how many connections are told when this user comes online."""
        return sum(each.is_following(user) for each in self._sockets)

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """Serve one client until its connection ends."""
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
        self._sockets[connection] = socket
        try:
            await self._run_connection(connection, socket)
        finally:
            self._sockets.pop(connection, None)
            clear_login(connection)
        return response

    async def drop_all(self, agent: str = "") -> None:
        """Cut all connections without a closing handshake, as a crash does.

        With ``agent``, only those of clients whose ``User-Agent`` begins with it.
        """
        for socket in self._find_sockets(agent):
            socket.drop()
        await asyncio.sleep(0)

    def hang(self, agent: str = "") -> None:
        """Stop reading and writing on open connections, chosen as by ``drop_all``; close none."""
        for socket in self._find_sockets(agent):
            socket.hang()

    def close_all(self, code: int) -> None:
        """Close all connections with this code, as a deployment (1001) or a gateway does."""
        for socket in tuple(self._sockets.values()):
            socket.close(code)

    def lose_subscriptions(self) -> None:
        """Remove all subscriptions without ``nosub``; connections and pings go on.

        Users reported this for servers with several instances and after restarts of the database:
        nothing arrives until the client connects again (server issues 4085 and 27597).
        """
        for connection in self._sockets:
            connection.subscriptions.clear()

    async def close(self) -> None:
        """Stop serving, and cut all connections."""
        self._unsubscribe()
        await self.drop_all()

    def _find_sockets(self, agent: str) -> list[Socket]:
        return [each for each in self._sockets.values() if each.agent.startswith(agent)]

    async def _run_connection(self, connection: Connection, socket: Socket) -> None:
        if self._greeting is not None:
            socket.send(self._greeting)
        async with asyncio.TaskGroup() as tasks:
            writer = tasks.create_task(socket.write())
            heartbeat: asyncio.Task[None] | None = None
            if self._flavour.pings_immediately:
                heartbeat = tasks.create_task(socket.run_streamer_heartbeat(self._flavour, _PING))
            async for text in socket.read():
                connection.receive(text)
                # Wakes only those who wait at this moment.
                self._has_received.set()
                self._has_received.clear()
                if heartbeat is None and connection.session_id is not None:
                    heartbeat = tasks.create_task(socket.run_meteor_heartbeat(self._flavour, _PING))
            for task in (writer, heartbeat):
                if task is not None:
                    task.cancel()

    def _publish(self, event: Event) -> None:
        if isinstance(event, MessageStored):
            self._faults.pass_on(event)
        else:
            self._deliver(event)

    def _deliver(self, event: Event) -> None:
        for connection in tuple(self._sockets):
            connection.deliver(event)

    def _read_client_info(self, request: web.Request) -> ClientInfo:
        has_linux_version = self._workspace.version.is_before_7
        agent = request.headers.get("User-Agent")
        device = None
        if agent is not None or not has_linux_version:
            device = parse_user_agent(agent or "", has_linux_version=has_linux_version)
        return ClientInfo(device, request.headers.get("X-Real-IP"), request.host)
