"""A workspace's websocket that does exactly what a test scripts, misdeeds included."""

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

from bot.models import AuthToken, Message
from bot.rocketchat.realtime import Backoff, RealtimeClient

Frame = dict[str, Any]

BOT_ID = "bot5678901234567x"
SECRET = "a-made-up-token-that-is-43-characters-long-"
TOKEN = AuthToken(BOT_ID, SecretStr(SECRET))
QUICK = Backoff(
    connect=2.0,
    call=2.0,
    silence=20.0,
    pong=15.0,
    first_pause=0.01,
    longest_pause=0.05,
    calm=60.0,
)
PATIENCE = 10.0


class Peer:
    """The workspace's end of one connection; ``heard`` keeps what the bot said on it."""

    def __init__(self, socket: WebSocketServerProtocol, number: int) -> None:
        self.socket = socket
        self.session = f"session{number}"
        self.heard: list[Frame] = []
        self.is_live = asyncio.Event()
        self._numbers = itertools.count(1)

    async def hear(self) -> Frame:
        frame: Frame = json.loads(await self.socket.recv())
        self.heard.append(frame)
        return frame

    async def say(self, frame: Frame | str | bytes) -> None:
        text = frame if isinstance(frame, str | bytes) else json.dumps(frame, separators=(",", ":"))
        await self.socket.send(text)

    async def connect(self) -> None:
        assert await self.hear() == {"msg": "connect", "version": "1", "support": ["1"]}
        await self.say({"msg": "connected", "session": self.session})

    async def log_in(self) -> None:
        asked = await self.hear()
        assert (asked["method"], asked["params"]) == ("login", [{"resume": SECRET}])
        await self.say({"msg": "updated", "methods": [asked["id"]]})
        await self.say({"msg": "result", "id": asked["id"], "result": {"id": BOT_ID}})

    async def refuse_login(self, code: object, **details: object) -> None:
        await self.connect()
        asked = await self.hear()
        error = {"isClientSafe": True, "error": code, "reason": "User not found", **details}
        await self.say({"msg": "result", "id": asked["id"], "error": error})

    async def confirm(self) -> Frame:
        asked = await self.hear()
        assert asked["msg"] == "sub"
        await self.say({"msg": "ready", "subs": [asked["id"]]})
        return asked

    async def refuse(self) -> Frame:
        asked = await self.hear()
        await self.say({"msg": "nosub", "id": asked["id"], "error": {"error": "not-allowed"}})
        return asked

    async def go_live(self) -> None:
        await self.connect()
        await self.log_in()
        await self.confirm()
        await self.confirm()
        self.is_live.set()

    async def chat(self, text: str, about: Frame | None = None, **fields: object) -> None:
        message = make_message(text, f"message{next(self._numbers)}", **fields)
        await self.say(make_event(message, about or {"roomParticipant": True, "roomType": "d"}))

    async def stay(self) -> None:
        """Take whatever comes, answering pings, until the bot goes."""
        with suppress(ConnectionClosed):
            while True:
                if (await self.hear()).get("msg") == "ping":
                    await self.say({"msg": "pong"})

    async def stay_mute(self) -> None:
        with suppress(ConnectionClosed):
            while True:
                await self.hear()

    def abort(self) -> None:
        self.socket.transport.abort()

    def freeze(self) -> None:
        """Stop reading: what a network does that fails without closing."""
        self.socket.transport.pause_reading()


Script = Callable[[Peer], Awaitable[None]]
Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class ScriptedWorkspace:
    url: str
    peers: list[Peer] = field(default_factory=list)

    async def peer(self, number: int = 1) -> Peer:
        """Wait for the bot's connection of that number, and until it is live."""
        await until(lambda: len(self.peers) >= number)
        async with asyncio.timeout(PATIENCE):
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


async def live(peer: Peer) -> None:
    """Go live and stay: the script of a workspace that behaves."""
    await peer.go_live()
    await peer.stay()


@asynccontextmanager
async def open_workspace(*scripts: Script) -> AsyncIterator[ScriptedWorkspace]:
    """Play one script a connection, the last one for all that come after."""
    failures: list[BaseException] = []

    async def play(socket: WebSocketServerProtocol) -> None:
        number = len(workspace.peers) + 1
        workspace.peers.append(Peer(socket, number))
        try:
            await scripts[min(number, len(scripts)) - 1](workspace.peers[-1])
        except ConnectionClosed:
            pass
        except Exception as failure:  # noqa: BLE001 - raised again below, in the test's own task
            failures.append(failure)

    async with serve(play, "127.0.0.1", 0, max_size=None, close_timeout=0.2) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        workspace = ScriptedWorkspace(f"http://127.0.0.1:{port}")
        yield workspace
    if failures:
        raise failures[0]


@asynccontextmanager
async def open_port(answer: Answer, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Serve raw TCP: what stands before a workspace, or instead of it."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await answer(reader, writer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    async with server:
        yield server.sockets[0].getsockname()[1]


class Ears:
    """A ``Realtime`` at work, and what it heard."""

    def __init__(self, url: str, hear: Callable[[Message], None], **options: Any) -> None:  # noqa: ANN401 - passed on as they are
        self.heard: list[Message] = []
        self._hear = hear
        callbacks = {"before_live", "recheck"}
        self._callbacks = {name: options.pop(name) for name in callbacks & options.keys()}
        options = {"token": TOKEN, "timing": QUICK, "random": lambda: 1.0, **options}
        self.realtime = RealtimeClient(url, **options)

    async def run(self) -> None:
        await self.realtime.run(hear=self._note, **self._callbacks)

    @property
    def texts(self) -> list[str]:
        return [message.text for message in self.heard]

    def _note(self, message: Message) -> None:
        self._hear(message)
        self.heard.append(message)

    async def has_heard(self, *texts: str) -> None:
        """Wait until exactly these were heard, in this order."""
        await until(lambda: len(self.heard) >= len(texts))
        assert self.texts == list(texts)


@asynccontextmanager
async def open_ears(
    url: str,
    hear: Callable[[Message], None] = lambda _: None,
    **options: Any,  # noqa: ANN401 - passed on as they are
) -> AsyncIterator[Ears]:
    """Listen in the background until the block ends."""
    ears = Ears(url, hear, **options)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(ears.run())
        try:
            yield ears
        finally:
            running.cancel()


async def until(is_so: Callable[[], bool]) -> None:
    """Wait for something that no event tells, with a deadline."""
    async with asyncio.timeout(PATIENCE):
        while not is_so():  # noqa: ASYNC110 - what is asked has no event
            await asyncio.sleep(0.005)
