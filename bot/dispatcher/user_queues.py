"""Per-person queues: one person's messages in order, different people's side by side."""

import asyncio
import random
from bisect import insort
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum, auto
from typing import Final

from bot.backoff import Backoff, make_pauses

MAX_QUEUED: Final = 2000
# More than may wait for the workspace's rate limit, so that everybody is told how long it takes.
_MAX_CONCURRENT: Final = 500
_RECHECK_AFTER_S: Final = 0.2
_MAX_PAUSE_S: Final = 10.0


class Progress(Enum):
    """The result of working on a task: done, to be retried, or blocked by an older message."""

    DONE = auto()
    FAILED = auto()
    BLOCKED = auto()


@dataclass(frozen=True, slots=True)
class UserTask:
    """Work for one person, repeated until it is done; the person's tasks run in order of ``at``."""

    user_id: str
    at: datetime
    work: Callable[[], Awaitable[Progress]]


@dataclass(eq=False, slots=True)
class _UserQueue:
    tasks: list[UserTask] = field(default_factory=list)
    pauses: Iterator[float] | None = None  # set after a failure


class UserQueues:
    """Runs tasks while ``run`` runs: each person's oldest first, many people at once.

    A failed task is retried after a pause, and the same person's later tasks wait for it.
    """

    def __init__(self, backoff: Backoff) -> None:
        # Somebody waits for the answer.
        max_pause = min(backoff.max_pause_s, _MAX_PAUSE_S)
        self._backoff: Final = replace(backoff, max_pause_s=max_pause)
        self._queues: Final[dict[str, _UserQueue]] = {}
        self._places: Final = asyncio.Semaphore(_MAX_CONCURRENT)
        self._stopping: Final = asyncio.Event()
        self._running: asyncio.TaskGroup | None = None
        self._count = 0

    @property
    def room(self) -> int:
        """How many more tasks may be added."""
        return max(0, MAX_QUEUED - self._count)

    @property
    def count(self) -> int:
        """How many tasks are queued or running."""
        return self._count

    def add(self, task: UserTask) -> None:
        """Add a task, before the same person's later ones."""
        queue = self._queues.get(task.user_id)
        if queue is None:
            queue = self._queues[task.user_id] = _UserQueue()
            if self._running is not None and not self._stopping.is_set():
                self._running.create_task(self._work_off(task.user_id, queue))
        insort(queue.tasks, task, key=lambda each: each.at)
        self._count += 1

    def stop(self) -> None:
        """Start no more tasks; ``run`` returns when the running ones have ended."""
        self._stopping.set()

    async def run(self) -> None:
        """Work until stopped."""
        async with asyncio.TaskGroup() as self._running:
            for user_id, queue in self._queues.items():
                self._running.create_task(self._work_off(user_id, queue))
            await self._stopping.wait()
        self._running = None

    async def _work_off(self, user_id: str, queue: _UserQueue) -> None:
        while queue.tasks and not self._stopping.is_set():
            task = queue.tasks[0]
            async with self._places:
                progress = await task.work()
            if progress is Progress.DONE:
                queue.tasks.remove(task)
                self._count -= 1
                queue.pauses = None
            elif progress is Progress.BLOCKED:
                await self._pause(_RECHECK_AFTER_S)
            else:
                queue.pauses = queue.pauses or make_pauses(self._backoff, random.random)
                await self._pause(next(queue.pauses))
        if not queue.tasks:
            del self._queues[user_id]

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return
