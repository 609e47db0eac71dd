"""People who ask the bot while reports are due, and how long they wait."""

import asyncio
import statistics
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import cycle

from rocketchat_simulator import Event, MessageStored, Room, User, Workspace

_PACE = 3.4  # seconds; whoever asks faster than twenty times a minute is taken for a bot
_PATIENCE = 60.0
_QUESTIONS = ("!help", "!whoami", "!sessions")


@dataclass
class Waits:
    """When people asked and were answered, in seconds; ``lost`` counts those who never were."""

    spans: list[tuple[float, float]] = field(default_factory=list)
    lost: int = 0

    def within(self, start: float, end: float) -> "Waits":
        """Return those of whose time some lies between."""
        return Waits([span for span in self.spans if span[0] < end and span[1] > start], self.lost)

    @property
    def seconds(self) -> list[float]:
        """How long each answer took."""
        return [answered - asked for asked, answered in self.spans]

    @property
    def p95(self) -> float:
        """What nineteen in twenty were faster than."""
        return statistics.quantiles(self.seconds, n=20)[-1] if len(self.seconds) > 1 else 0.0

    @property
    def median(self) -> float:
        """What half of them were faster than."""
        return statistics.median(self.seconds) if self.seconds else 0.0


class Askers:
    """Everybody asks, waits for the answer, and asks the next thing a little later."""

    def __init__(self, workspace: Workspace, bot: User, rooms: Sequence[tuple[User, Room]]) -> None:
        self._workspace = workspace
        self._bot = bot
        self._rooms = rooms
        self._waiting: dict[str, asyncio.Event] = {}
        workspace.subscribe(self._listen)

    async def ask(self, until: asyncio.Event) -> Waits:
        """Ask until the event; return how long the answers took."""
        waits = Waits()
        async with asyncio.TaskGroup() as tasks:
            for number, (user, room) in enumerate(self._rooms):
                delay = _PACE * number / len(self._rooms)
                tasks.create_task(self._ask(user, room, delay, until, waits))
        return waits

    async def _ask(
        self, user: User, room: Room, delay: float, until: asyncio.Event, waits: Waits
    ) -> None:
        clock = asyncio.get_running_loop().time
        await _pause(until, delay)
        for question in cycle(_QUESTIONS):
            if until.is_set():
                return
            began_at = clock()
            answered = self._waiting[room.id] = asyncio.Event()
            self._workspace.say(user, room, question)
            try:
                async with asyncio.timeout(_PATIENCE):
                    await answered.wait()
            except TimeoutError:
                waits.lost += 1
            else:
                waits.spans.append((began_at, clock()))
            await _pause(until, max(0.0, began_at + _PACE - clock()))

    def _listen(self, event: Event) -> None:
        if not isinstance(event, MessageStored) or event.message["u"]["_id"] != self._bot.id:
            return
        if (answered := self._waiting.get(event.message["rid"])) is not None:
            answered.set()


async def _pause(until: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await until.wait()
