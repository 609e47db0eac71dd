"""Faults of the workspace and the database, one after another, of kinds picked at random."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from random import Random

from rocketchat_simulator import Outage, Simulator, User
from tests.stress.shared import pause
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
_BAD_RESPONSES = (
    (500, "text/html", "<h1>Internal Server Error</h1>"),
    (502, "text/html", "<h1>Bad Gateway</h1>"),
    (503, "text/html", "<h1>Service Unavailable</h1>"),
    (200, "text/html", "<html>a login page of the hotel</html>"),
    (200, "application/json", '{"success":tr'),
    (429, "application/json", _TOO_MANY),
)
_OK = 200
_MAX_DELAY_S = 20.0  # longer than the bot waits for a response
_CLOSE_CODES = (1001, 1011, 4000)
_RECENT = 40


class FaultInjector:
    """Makes one thing after another fail until it is over; ``counts`` says how often what."""

    def __init__(
        self,
        *,
        simulator: Simulator,
        storage: Storage,
        crowd: Crowd,
        ledger: Ledger,
        onlooker: User,
        random: Random,
    ) -> None:
        self._simulator = simulator
        self._storage = storage
        self._crowd = crowd
        self._ledger = ledger
        self._onlooker = onlooker
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
                tasks.create_task(self._inject())
                await self._wait(self._random.expovariate(1 / gap))
        self._simulator.faults.clear()
        self._simulator.realtime.clear_faults()

    async def _wait(self, seconds: float) -> None:
        await pause(self._over, seconds)

    async def _inject(self) -> None:
        kinds: tuple[tuple[Callable[[], Awaitable[str]], int], ...] = (
            (self._go_away, 3),
            (self._drop, 3),
            (self._hang, 1),
            (self._close, 2),
            (self._respond_badly, 6),
            (self._refuse_once, 1),
            (self._lose_response, 4),
            (self._delay_response, 3),
            (self._repeat_frames, 2),
            (self._lose_frames, 2),
            (self._send_again, 5),
            (self._fail_storage, 2),
        )
        (inject,) = self._random.choices([kind for kind, _ in kinds], [often for _, often in kinds])
        name = await inject()
        self.counts[name] += 1

    async def _go_away(self) -> str:
        kind = self._random.choice(list(Outage))
        if self._simulator.faults.is_away:
            return await self._drop()
        async with self._simulator.outage(kind):
            await self._wait(self._random.uniform(0.2, 3.0))
        return f"outage: {kind.value}"

    async def _drop(self) -> str:
        await self._simulator.realtime.drop_all()
        return "websocket dropped"

    async def _hang(self) -> str:
        self._simulator.realtime.hang()
        # The bot must notice the longest one by itself.
        await self._wait(self._random.choice((1.0, 3.0, 40.0)))
        await self._simulator.realtime.drop_all()
        return "websocket half-open"

    async def _close(self) -> str:
        code = self._random.choice(_CLOSE_CODES)
        self._simulator.realtime.close_all(code)
        return f"websocket closed with {code}"

    async def _respond_badly(self) -> str:
        route = self._random.choice(_READS + _SENDS)
        # A bot ends at its start where "me" is not answered as Rocket.Chat does.
        answers = [each for each in _BAD_RESPONSES if route != "me" or each[0] != _OK]
        status, content_type, body = self._random.choice(answers)
        self._simulator.faults.fail_next(
            route,
            status=status,
            content_type=content_type,
            body=body,
            times=self._random.randint(1, 3),
        )
        return f"REST answered {status} {content_type.partition('/')[2]}"

    async def _refuse_once(self) -> str:
        self._simulator.faults.fail_next(
            "sessions/info", status=401, content_type="application/json", body=_NO_LOGIN
        )
        return "REST answered 401 once"

    async def _lose_response(self) -> str:
        route = self._random.choice(_SENDS + _READS[:2])
        self._simulator.faults.lose_answer(route, times=self._random.randint(1, 2))
        return "REST answer lost"

    async def _delay_response(self) -> str:
        seconds = self._random.choice((1.0, 4.0, _MAX_DELAY_S))
        route = self._random.choice(_SENDS + _READS)
        self._simulator.faults.delay_answer(route, seconds)
        return "REST answer hanging" if seconds == _MAX_DELAY_S else "REST answer slow"

    async def _repeat_frames(self) -> str:
        self._simulator.realtime.repeat_messages(self._random.randint(1, 5))
        return "messages delivered twice"

    async def _lose_frames(self) -> str:
        self._losing += 1
        self._simulator.realtime.lose_messages(self._random.randint(1, 3))
        # Catching up is for messages lost in a connection that breaks afterwards: nothing tells a
        # client of others.
        await asyncio.sleep(self._random.uniform(0.1, 1.0))
        self._simulator.realtime.clear_faults()
        await self._simulator.realtime.drop_all()
        self._losing -= 1
        return "messages lost, then websocket dropped"

    async def _send_again(self) -> str:
        commands = self._ledger.commands[-_RECENT:]
        if not commands:
            return await self._drop()
        command = self._random.choice(commands)
        workspace = self._simulator.workspace
        message = workspace.messages.find(command.id)
        if message is None:
            return await self._drop()
        onlooker = self._onlooker
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
            case "edit" if self._crowd.is_answered(command.id):
                # The bot ignores edited messages, so only answered ones are edited.
                workspace.edit(onlooker, message, message["msg"] + " (edited)")
            case _:
                workspace.publish_again(message, unread=False)
        return "message sent again"

    async def _fail_storage(self) -> str:
        return await self._storage.fail(self._random.uniform(0.5, 6.0))
