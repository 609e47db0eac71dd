"""A workspace's websocket that does exactly what a test scripts, errors included."""

import asyncio
import itertools
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from pydantic import SecretStr
from websockets.exceptions import ConnectionClosed
from websockets.legacy.server import WebSocketServerProtocol, serve

from bot.backoff import Backoff
from bot.models import AuthToken, Message
from bot.rocketchat.realtime import RealtimeClient, RealtimeSettings
from tests.support.deadlines import DEADLINE_S

Frame = dict[str, Any]

BOT_ID = "bot5678901234567x"
SECRET = "a-made-up-token-that-is-43-characters-long-"
TOKEN = AuthToken(BOT_ID, SecretStr(SECRET))
QUICK = RealtimeSettings(connect_timeout_s=2.0, call_timeout_s=2.0)
QUICK_BACKOFF = Backoff(first_pause_s=0.01, max_pause_s=0.05)
TIMEOUT_S = DEADLINE_S


class Peer:
    """The workspace's end of one connection; ``received`` has the frames that the bot sent."""

    def __init__(self, socket: WebSocketServerProtocol, number: int) -> None:
        self.socket = socket
        self.session = f"session{number}"
        self.received: list[Frame] = []
        self.is_live = asyncio.Event()
        self._numbers = itertools.count(1)

    async def receive(self) -> Frame:
        frame: Frame = json.loads(await self.socket.recv())
        self.received.append(frame)
        return frame

    async def send(self, frame: Frame | str | bytes) -> None:
        text = frame if isinstance(frame, str | bytes) else json.dumps(frame, separators=(",", ":"))
        await self.socket.send(text)

    async def connect(self) -> None:
        assert await self.receive() == {"msg": "connect", "version": "1", "support": ["1"]}
        await self.send({"msg": "connected", "session": self.session})

    async def log_in(self) -> None:
        request = await self.receive()
        assert (request["method"], request["params"]) == ("login", [{"resume": SECRET}])
        await self.send({"msg": "updated", "methods": [request["id"]]})
        await self.send({"msg": "result", "id": request["id"], "result": {"id": BOT_ID}})

    async def refuse_login(self, code: object, **details: object) -> None:
        await self.connect()
        request = await self.receive()
        error = {"isClientSafe": True, "error": code, "reason": "User not found", **details}
        await self.send({"msg": "result", "id": request["id"], "error": error})

    async def confirm(self) -> Frame:
        request = await self.receive()
        assert request["msg"] == "sub"
        await self.send({"msg": "ready", "subs": [request["id"]]})
        return request

    async def refuse(self) -> Frame:
        request = await self.receive()
        await self.send({"msg": "nosub", "id": request["id"], "error": {"error": "not-allowed"}})
        return request

    async def accept_client(self) -> None:
        await self.connect()
        await self.log_in()
        await self.confirm()
        await self.confirm()
        self.is_live.set()

    async def send_message(self, text: str, context: Frame | None = None, **fields: object) -> None:
        message = make_message(text, f"message{next(self._numbers)}", **fields)
        await self.send(make_event(message, context or {"roomParticipant": True, "roomType": "d"}))

    async def keep_open(self) -> None:
        """Receive frames and answer pings until the bot disconnects."""
        with suppress(ConnectionClosed):
            while True:
                if (await self.receive()).get("msg") == "ping":
                    await self.send({"msg": "pong"})

    async def keep_silent(self) -> None:
        """Receive frames without answering until the bot disconnects."""
        with suppress(ConnectionClosed):
            while True:
                await self.receive()

    def abort(self) -> None:
        self.socket.transport.abort()

    def freeze(self) -> None:
        """Stop reading, as if the network failed without closing the connection."""
        self.socket.transport.pause_reading()


Script = Callable[[Peer], Awaitable[None]]
Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class ScriptedWorkspace:
    url: str
    peers: list[Peer] = field(default_factory=list)

    async def peer(self, number: int = 1) -> Peer:
        """Wait until the bot's connection of that number is live, and return it."""
        await until(lambda: len(self.peers) >= number)
        async with asyncio.timeout(TIMEOUT_S):
            await self.peers[number - 1].is_live.wait()
        return self.peers[number - 1]


def make_message(text: str, id_: str = "message1", **fields: object) -> Frame:
    return {
        "_id": id_,
        "rid": "room1",
        "msg": text,
        "ts": {"$date": 1_766_000_000_000},
        "u": {"_id": "ann", "username": "ann", "name": "Ann"},
        **fields,
    }


def make_event(*arguments: object, event: str = "__my_messages__") -> Frame:
    return {
        "msg": "changed",
        "collection": "stream-room-messages",
        "id": "id",
        "fields": {"eventName": event, "args": list(arguments)},
    }


async def serve_client(peer: Peer) -> None:
    """Accept the client and keep the connection open, as a normal workspace does."""
    await peer.accept_client()
    await peer.keep_open()


@asynccontextmanager
async def open_workspace(*scripts: Script) -> AsyncIterator[ScriptedWorkspace]:
    """Run one script per connection, and the last script for all further ones."""
    failures: list[BaseException] = []

    async def run_script(socket: WebSocketServerProtocol) -> None:
        number = len(workspace.peers) + 1
        workspace.peers.append(Peer(socket, number))
        try:
            await scripts[min(number, len(scripts)) - 1](workspace.peers[-1])
        except ConnectionClosed:
            pass
        except Exception as failure:  # noqa: BLE001 - raised again below, in the test's own task
            failures.append(failure)

    async with serve(run_script, "127.0.0.1", 0, max_size=None, close_timeout=0.2) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        workspace = ScriptedWorkspace(f"http://127.0.0.1:{port}")
        yield workspace
    if failures:
        raise failures[0]


@asynccontextmanager
async def open_port(answer: Answer, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Serve raw TCP: something other than a workspace, such as a proxy."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await answer(reader, writer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    async with server:
        yield server.sockets[0].getsockname()[1]


class ListeningClient:
    """A ``RealtimeClient`` and the messages that it received."""

    def __init__(self, url: str, on_message: Callable[[Message], None], **options: Any) -> None:  # noqa: ANN401 - passed on as they are
        self.messages: list[Message] = []
        self._on_message = on_message
        callbacks = {"before_live", "on_online", "recheck"}
        self._callbacks = {name: options.pop(name) for name in callbacks & options.keys()}
        defaults = {"token": TOKEN, "settings": QUICK, "backoff": QUICK_BACKOFF}
        options = {**defaults, "random": lambda: 1.0, **options}
        self.realtime = RealtimeClient(url, **options)

    async def run(self) -> None:
        await self.realtime.run(on_message=self._note, **self._callbacks)

    @property
    def texts(self) -> list[str]:
        return [message.text for message in self.messages]

    def _note(self, message: Message) -> None:
        self._on_message(message)
        self.messages.append(message)

    async def wait_for_texts(self, *texts: str) -> None:
        """Wait until exactly these messages were received, in this order."""
        await until(lambda: len(self.messages) >= len(texts))
        assert self.texts == list(texts)


@asynccontextmanager
async def open_client(
    url: str,
    on_message: Callable[[Message], None] = lambda _: None,
    **options: Any,  # noqa: ANN401 - passed on as they are
) -> AsyncIterator[ListeningClient]:
    """Run a client in the background until the block ends."""
    client = ListeningClient(url, on_message, **options)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(client.run())
        try:
            yield client
        finally:
            running.cancel()


async def until(is_so: Callable[[], bool]) -> None:
    """Wait, with a deadline, for a condition that no event signals."""
    async with asyncio.timeout(TIMEOUT_S):
        while not is_so():  # noqa: ASYNC110 - what is asked has no event
            await asyncio.sleep(0.005)
