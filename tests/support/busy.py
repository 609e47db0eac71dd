"""A workspace with a rate limit, and more people than it allows."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bot.config import BotSettings
from bot.dispatcher.typing_indicator import TYPING_AFTER_S
from rocketchat_simulator import Event
from rocketchat_simulator.workspace.events import RoomActivity
from tests.support.deadlines import DEADLINE_S
from tests.support.people import Guest
from tests.support.stage import Stage, open_stage

LIMIT = 10
# Hours; none is the workspace's own.
_OFFSETS = (-9.5, -3.0, 2.0, 5.75)
_NO_LIMIT = 100_000


@asynccontextmanager
async def open_busy_stage(
    folder: Path, people: int, *, window: float, bots: int = 1, most_waiting: int = 200
) -> AsyncIterator[tuple[Stage, list[Guest]]]:
    """Let so many people connect; from then on ``LIMIT`` calls are allowed in ``window`` s."""
    bot = BotSettings(most_waiting=most_waiting)
    async with open_stage(folder, bots=bots, limit_calls=_NO_LIMIT, bot=bot) as stage:
        guests = invite_guests(stage, people)
        async with asyncio.timeout(2 * DEADLINE_S), asyncio.TaskGroup() as tasks:
            for guest in guests:
                tasks.create_task(guest.connect())
        stage.simulator.requests.clear()
        stage.simulator.limits.change(LIMIT, window)
        yield stage, guests


def invite_guests(stage: Stage, number: int) -> list[Guest]:
    return [
        stage.invite(f"guest{each}", utc_offset=_OFFSETS[each % len(_OFFSETS)])
        for each in range(number)
    ]


def count_refusals(stage: Stage) -> int:
    return sum(each.status == 429 for each in stage.simulator.requests)


def find_askers(stage: Stage, route: str) -> Iterator[str]:
    """Return whose token asked, in order."""
    for each in stage.simulator.requests:
        if each.path.endswith(route) and each.user_id:
            yield each.user_id


@dataclass(frozen=True)
class Outcome:
    """What somebody heard last; ``begun_at`` is when the bot began to work on their question."""

    guest: Guest
    text: str
    asked_at: float
    begun_at: float
    heard_at: float

    @property
    def seconds(self) -> float:
        return self.heard_at - self.asked_at

    @property
    def worked_s(self) -> float:
        """How long the bot worked on it; a busy machine may need long until it begins."""
        return self.heard_at - self.begun_at

    @property
    def is_answer(self) -> bool:
        return "signed in as you" in self.text


async def ask_at_once(guests: list[Guest], timeout_s: float = 2 * DEADLINE_S) -> list[Outcome]:
    """Let all ask, one after the other; return them in the order in which that ended."""
    outcomes: list[Outcome] = []

    async def ask(guest: Guest) -> None:
        asked_at = time.monotonic()
        guest.say("!sessions")
        text = await guest.hear("signed in as you", "Too many people")
        heard_at = time.monotonic()
        begun_at = begun.get(guest.room.id, heard_at)
        outcomes.append(Outcome(guest, text, asked_at, begun_at, heard_at))

    with note_beginnings(guests) as begun:
        async with asyncio.timeout(timeout_s), asyncio.TaskGroup() as tasks:
            for guest in guests:
                tasks.create_task(ask(guest))
    return outcomes


@contextmanager
def note_beginnings(guests: list[Guest]) -> Iterator[dict[str, float]]:
    """Note by room when the bot began to work: it shows that it is typing a moment later."""
    begun: dict[str, float] = {}

    def look(event: Event) -> None:
        if isinstance(event, RoomActivity):
            begun.setdefault(event.room_id, time.monotonic() - TYPING_AFTER_S)

    unsubscribe = guests[0].simulator.workspace.subscribe(look) if guests else None
    yield begun
    if unsubscribe is not None:
        unsubscribe()
