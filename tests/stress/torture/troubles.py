"""What goes wrong: one fault after another, each of a kind picked at random, and counted."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from random import Random

from rocketchat_simulator import Outage, Simulator, User
from tests.stress.torture.crowd import Crowd
from tests.stress.torture.ledger import Ledger
from tests.stress.torture.storage import Storage

_READS = (
    "sessions/info",
    "chat.getMessage",
    "rooms.info",
    "subscriptions.get",
    "im.history",
    "channels.history",
    "me",
)
_SENDS = ("chat.sendMessage", "chat.sendMessage", "im.create")
_TOO_MANY = (
    '{"success":false,"error":"Error, too many requests. Please slow down. You must wait 2 '
    'seconds before trying this endpoint again. [error-too-many-requests]"}'
)
_NO_LOGIN = '{"status":"error","message":"You must be logged in to do this."}'
_ANSWERS = (
    (500, "text/html", "<h1>Internal Server Error</h1>"),
    (502, "text/html", "<h1>Bad Gateway</h1>"),
    (503, "text/html", "<h1>Service Unavailable</h1>"),
    (200, "text/html", "<html>a login page of the hotel</html>"),
    (200, "application/json", '{"success":tr'),
    (429, "application/json", _TOO_MANY),
)
_OK = 200
_MAX_HANG = 20.0  # longer than the bot waits for an answer
_CLOSE_CODES = (1001, 1011, 4000)
_RECENT = 40


@dataclass(frozen=True)
class Scene:
    """What can be hurt."""

    simulator: Simulator
    storage: Storage
    crowd: Crowd
    ledger: Ledger
    onlooker: User


class Troubles:
    """Hurts the scene until stopped."""

    def __init__(self, scene: Scene, random: Random) -> None:
        self._scene = scene
        self._random = random
        self._losing = 0
        self._over = asyncio.Event()
        self.counts: Counter[str] = Counter()

    @property
    def is_losing(self) -> bool:
        """Whether what is said now may be missing from the stream."""
        return self._losing > 0

    async def run(self, until: asyncio.Event, gap: float) -> None:
        """Begin a fault every ``gap`` seconds on average; all are over when it returns."""
        self._over = until
        async with asyncio.TaskGroup() as tasks:
            while not until.is_set():
                tasks.create_task(self._hurt())
                await self._last(self._random.expovariate(1 / gap))
        self._scene.simulator.faults.clear()
        self._scene.simulator.realtime.clear_faults()

    async def _last(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._over.wait()

    async def _hurt(self) -> None:
        kinds: tuple[tuple[Callable[[], Awaitable[str]], int], ...] = (
            (self._go_away, 3),
            (self._drop, 3),
            (self._hang, 1),
            (self._close, 2),
            (self._answer_badly, 6),
            (self._refuse_once, 1),
            (self._lose_answer, 4),
            (self._delay_answer, 3),
            (self._repeat_frames, 2),
            (self._lose_frames, 2),
            (self._send_again, 5),
            (self._hurt_storage, 2),
        )
        (hurt,) = self._random.choices([kind for kind, _ in kinds], [often for _, often in kinds])
        name = await hurt()
        self.counts[name] += 1

    async def _go_away(self) -> str:
        kind = self._random.choice(list(Outage))
        if self._scene.simulator.faults.is_away:
            return await self._drop()
        async with self._scene.simulator.outage(kind):
            await self._last(self._random.uniform(0.2, 3.0))
        return f"outage: {kind.value}"

    async def _drop(self) -> str:
        await self._scene.simulator.realtime.drop_all()
        return "websocket dropped"

    async def _hang(self) -> str:
        self._scene.simulator.realtime.hang()
        # Sometimes for so long that only its own watchfulness helps the bot.
        await self._last(self._random.choice((1.0, 3.0, 40.0)))
        await self._scene.simulator.realtime.drop_all()
        return "websocket half-open"

    async def _close(self) -> str:
        code = self._random.choice(_CLOSE_CODES)
        self._scene.simulator.realtime.close_all(code)
        return f"websocket closed with {code}"

    async def _answer_badly(self) -> str:
        route = self._random.choice(_READS + _SENDS)
        # Asked first of all: what is no Rocket.Chat there ends the bot, and rightly.
        answers = [each for each in _ANSWERS if route != "me" or each[0] != _OK]
        status, content_type, body = self._random.choice(answers)
        self._scene.simulator.faults.fail_next(
            route,
            status=status,
            content_type=content_type,
            body=body,
            times=self._random.randint(1, 3),
        )
        return f"REST answered {status} {content_type.partition('/')[2]}"

    async def _refuse_once(self) -> str:
        self._scene.simulator.faults.fail_next(
            "sessions/info", status=401, content_type="application/json", body=_NO_LOGIN
        )
        return "REST answered 401 once"

    async def _lose_answer(self) -> str:
        route = self._random.choice(_SENDS + _READS[:2])
        self._scene.simulator.faults.lose_answer(route, times=self._random.randint(1, 2))
        return "REST answer lost"

    async def _delay_answer(self) -> str:
        seconds = self._random.choice((1.0, 4.0, _MAX_HANG))
        route = self._random.choice(_SENDS + _READS)
        self._scene.simulator.faults.delay_answer(route, seconds)
        return "REST answer hanging" if seconds == _MAX_HANG else "REST answer slow"

    async def _repeat_frames(self) -> str:
        self._scene.simulator.realtime.repeat_messages(self._random.randint(1, 5))
        return "messages delivered twice"

    async def _lose_frames(self) -> str:
        self._losing += 1
        self._scene.simulator.realtime.lose_messages(self._random.randint(1, 3))
        # What a server loses without a word, no client can know; what it loses while it breaks
        # down is what catching up is for.
        await asyncio.sleep(self._random.uniform(0.1, 1.0))
        self._scene.simulator.realtime.clear_faults()
        await self._scene.simulator.realtime.drop_all()
        self._losing -= 1
        return "messages lost, then websocket dropped"

    async def _send_again(self) -> str:
        commands = self._scene.ledger.commands[-_RECENT:]
        if not commands:
            return await self._drop()
        command = self._random.choice(commands)
        workspace = self._scene.simulator.workspace
        message = workspace.messages.find(command.id)
        if message is None:
            return await self._drop()
        onlooker = self._scene.onlooker
        name = self._random.choice(("reaction", "star", "pin", "preview", "receipt", "edit"))
        match name:
            case "reaction":
                workspace.react(onlooker, message, ":eyes:", is_set=True)
            case "star":
                workspace.star(onlooker, message, is_set=True)
            case "pin":
                workspace.publish_again(message, pinned=True)
            case "preview":
                workspace.publish_again(message, urls=[{"url": "https://example.org/"}])
            case "edit" if self._scene.crowd.is_answered(command.id):
                # An edited command is none: nobody edits what is still to be answered.
                workspace.edit(onlooker, message, message["msg"] + " (edited)")
            case _:
                workspace.publish_again(message, unread=False)
        return "message sent again"

    async def _hurt_storage(self) -> str:
        return await self._scene.storage.hurt(self._random.uniform(0.5, 6.0))
