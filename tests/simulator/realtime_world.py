"""A served workspace and a bare DDP client, for tests of the websocket."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import aiohttp
from aiohttp import WSMsgType, web

from rocketchat_simulator import Room, User, Workspace
from rocketchat_simulator.realtime.server import RealtimeServer
from rocketchat_simulator.workspace.versions import version_of
from tests.support.deadlines import DEADLINE_S

Frame = dict[str, Any]

TIMEOUT_S = DEADLINE_S
VERSIONS = ["6.5", "7.7", "8.3", "8.8"]
CONNECT: Frame = {"msg": "connect", "version": "1", "support": ["1"]}
MY_MESSAGES = ("stream-room-messages", "__my_messages__")


@dataclass
class World:
    """A workspace with alice, the bot and their direct room, served on a free port."""

    workspace: Workspace
    server: RealtimeServer
    alice: User
    bot: User
    room: Room
    url: str
    http: aiohttp.ClientSession

    @asynccontextmanager
    async def connect(self, **headers: str) -> AsyncIterator["Client"]:
        async with self.http.ws_connect(self.url, headers=headers) as socket:
            yield Client(socket)

    @asynccontextmanager
    async def log_in(self, user: User, token: str = "") -> AsyncIterator["Client"]:
        async with self.connect() as client:
            await client.greet()
            secret = token or self.workspace.make_login_token(user)
            answer = await client.call("login", {"resume": secret})
            assert answer["result"]["id"] == user.id
            await client.settle()
            yield client


@dataclass
class Client:
    """A websocket with the basics of a DDP client."""

    socket: aiohttp.ClientWebSocketResponse
    received: list[Frame] = field(default_factory=list)
    calls: int = 0

    async def send(self, frame: Frame) -> None:
        await self.socket.send_json(frame)

    async def receive(self) -> Frame:
        async with asyncio.timeout(TIMEOUT_S):
            frame: Frame = await self.socket.receive_json()
        self.received.append(frame)
        return frame

    async def receive_until(self, **wanted: object) -> Frame:
        while True:
            frame = await self.receive()
            if wanted.items() <= frame.items():
                return frame

    async def greet(self) -> str:
        await self.send(CONNECT)
        frame = await self.receive_until(msg="connected")
        return str(frame["session"])

    async def call(self, method: str, *params: object) -> Frame:
        self.calls += 1
        number = f"call-{self.calls}"
        await self.send({"msg": "method", "method": method, "id": number, "params": params})
        return await self.receive_until(msg="result", id=number)

    async def subscribe(self, stream: str, event: str, number: str = "s1") -> Frame:
        await self.send({"msg": "sub", "id": number, "name": stream, "params": [event, False]})
        return await self.receive()

    async def settle(self) -> list[Frame]:
        """Return the frames since the last call; no more are in flight."""
        self.calls += 1
        number = f"ping-{self.calls}"
        await self.send({"msg": "ping", "id": number})
        await self.receive_until(msg="pong", id=number)
        received, self.received = self.received[:-1], []
        return received

    async def wait_for_close(self) -> int | None:
        async with asyncio.timeout(TIMEOUT_S):
            while not self.socket.closed:
                message = await self.socket.receive()
                # ddp-streamer pings 30 ms after the last frame, which a busy machine may need.
                assert message.type is not WSMsgType.TEXT or message.data == '{"msg":"ping"}'
        return self.socket.close_code


def now() -> datetime:
    return datetime.now(UTC)


@asynccontextmanager
async def open_world(
    version: str = "8.3",
    *,
    has_greeting: bool = False,
    is_streamer: bool = False,
    ping_after: float = 15.0,
    pong_within: float = 15.0,
) -> AsyncIterator[World]:
    workspace = Workspace(version=version_of(version), now=now)
    server = RealtimeServer(
        workspace,
        has_greeting=has_greeting,
        is_streamer=is_streamer,
        ping_after=ping_after,
        pong_within=pong_within,
    )
    application = web.Application()
    application.router.add_get("/websocket", server.serve)
    runner = web.AppRunner(application, shutdown_timeout=1.0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    alice = workspace.add_user("alice", "Alice")
    bot = workspace.add_user("thebot", "Thebot", roles=("user", "bot"), password="secret")
    room = workspace.direct_room(alice, bot)
    url = f"ws://127.0.0.1:{runner.addresses[0][1]}/websocket"
    try:
        async with aiohttp.ClientSession() as http:
            yield World(workspace, server, alice, bot, room, url, http)
    finally:
        await server.close()
        await runner.cleanup()


async def eventually(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(TIMEOUT_S):
        while not is_so():  # noqa: ASYNC110 - the workspace has no event for it
            await asyncio.sleep(0.01)


def messages(frames: list[Frame]) -> list[list[Any]]:
    return [f["fields"]["args"] for f in frames if f.get("collection") == "stream-room-messages"]
