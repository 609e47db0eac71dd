"""Whose turn it is: one person's work in order, different people's side by side."""

import asyncio
import random
from bisect import insort
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto
from typing import Final

from bot.backoff import Backoff, make_pauses

MAX_QUEUED: Final = 2000
# More than may wait for the workspace's rate limit, so that everybody is told how long it takes.
_AT_ONCE: Final = 500
_LOOK_AGAIN: Final = 0.2


class Progress(Enum):
    """How far a piece of work has come."""

    SETTLED = auto()
    FAILED = auto()
    HELD_UP = auto()


@dataclass(frozen=True, slots=True)
class UserTask:
    """A piece of work for one person, done again until it is settled; ``at`` is its place."""

    person_id: str
    at: datetime
    work: Callable[[], Awaitable[Progress]]


@dataclass(eq=False, slots=True)
class _UserQueue:
    pauses: Iterator[float] | None = None  # since something failed
    jobs: list[UserTask] = field(default_factory=list)


class UserQueues:
    """Works on jobs while ``run`` runs: each person's oldest first, many people at once.

    What fails is tried again after a pause, and the same person's later jobs wait for it.
    """

    def __init__(self, timing: Backoff) -> None:
        self._timing: Final = timing
        self._lanes: Final[dict[str, _UserQueue]] = {}
        self._places: Final = asyncio.Semaphore(_AT_ONCE)
        self._stopping: Final = asyncio.Event()
        self._tasks: asyncio.TaskGroup | None = None
        self._count = 0

    @property
    def room(self) -> int:
        """How many more jobs may be taken in hand."""
        return max(0, MAX_QUEUED - self._count)

    @property
    def count(self) -> int:
        """How many jobs are in hand."""
        return self._count

    def add(self, job: UserTask) -> None:
        """Take a job in hand; before the same person's that are later."""
        lane = self._lanes.get(job.person_id)
        if lane is None:
            lane = self._lanes[job.person_id] = _UserQueue()
            if self._tasks is not None and not self._stopping.is_set():
                self._tasks.create_task(self._serve(job.person_id, lane))
        insort(lane.jobs, job, key=lambda each: each.at)
        self._count += 1

    def stop(self) -> None:
        """Begin no more jobs; ``run`` ends when those that run have come to an end."""
        self._stopping.set()

    async def run(self) -> None:
        """Work until stopped."""
        async with asyncio.TaskGroup() as self._tasks:
            for person_id, lane in self._lanes.items():
                self._tasks.create_task(self._serve(person_id, lane))
            await self._stopping.wait()
        self._tasks = None

    async def _serve(self, person_id: str, lane: _UserQueue) -> None:
        while lane.jobs and not self._stopping.is_set():
            job = lane.jobs[0]
            async with self._places:
                progress = await job.work()
            if progress is Progress.SETTLED:
                lane.jobs.remove(job)
                self._count -= 1
                lane.pauses = None
            elif progress is Progress.HELD_UP:
                await self._pause(_LOOK_AGAIN)
            else:
                lane.pauses = lane.pauses or make_pauses(self._timing, random.random)
                await self._pause(next(lane.pauses))
        if not lane.jobs:
            del self._lanes[person_id]

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return
