"""People who ask the bot while reports are due, and how long they wait."""

import asyncio
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import cycle

from rocketchat_simulator import MessageStored, Room, User, Workspace
from tests.stress.shared import pause, subscribe_to_messages

_PACE_S = 3.4  # the bot answers twenty messages a minute from one person
_ANSWER_TIMEOUT_S = 60.0
_QUESTIONS = ("!help", "!whoami", "!sessions")


@dataclass
class Waits:
    """Times of question and answer, in seconds; ``lost`` counts questions without an answer."""

    spans: list[tuple[float, float]] = field(default_factory=list)
    lost: int = 0

    def within(self, start: float, end: float) -> "Waits":
        """Return those of whose time some lies between."""
        return Waits([span for span in self.spans if span[0] < end and span[1] > start], self.lost)

    @property
    def seconds(self) -> list[float]:
        """Return how long each answer took."""
        return [answered - asked for asked, answered in self.spans]

    @property
    def p95(self) -> float:
        """Return what 95 % were at most."""
        return statistics.quantiles(self.seconds, n=20)[-1] if len(self.seconds) > 1 else 0.0

    @property
    def median(self) -> float:
        """Return the median."""
        return statistics.median(self.seconds) if self.seconds else 0.0


class Askers:
    """Everybody asks, waits for the answer, and asks the next thing a little later."""

    def __init__(self, workspace: Workspace, bot: User, rooms: Sequence[tuple[User, Room]]) -> None:
        self._workspace = workspace
        self._bot = bot
        self._rooms = rooms
        self._waiting: dict[str, asyncio.Event] = {}
        subscribe_to_messages(workspace, self._listen)

    async def ask(self, until: asyncio.Event) -> Waits:
        """Ask until the event; return how long the answers took."""
        waits = Waits()
        async with asyncio.TaskGroup() as tasks:
            for number, (user, room) in enumerate(self._rooms):
                delay = _PACE_S * number / len(self._rooms)
                tasks.create_task(self._ask(user, room, delay, until, waits))
        return waits

    async def _ask(
        self, user: User, room: Room, delay: float, until: asyncio.Event, waits: Waits
    ) -> None:
        clock = asyncio.get_running_loop().time
        await pause(until, delay)
        for question in cycle(_QUESTIONS):
            if until.is_set():
                return
            began_at = clock()
            answered = self._waiting[room.id] = asyncio.Event()
            self._workspace.say(user, room, question)
            try:
                async with asyncio.timeout(_ANSWER_TIMEOUT_S):
                    await answered.wait()
            except TimeoutError:
                waits.lost += 1
            else:
                waits.spans.append((began_at, clock()))
            await pause(until, began_at + _PACE_S - clock())

    def _listen(self, event: MessageStored) -> None:
        if event.message["u"]["_id"] != self._bot.id:
            return
        if (answered := self._waiting.get(event.message["rid"])) is not None:
            answered.set()
