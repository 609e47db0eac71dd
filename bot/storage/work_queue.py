"""Work for the database, and how its outcome gets back to the event loop."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from bot.storage.transaction import TransactionOptions, Work

_MAX_GROUP: Final = 500  # tasks, so that other processes on the same file get their turn
_MAX_DELAY_S: Final = 0.02


@dataclass(eq=False, slots=True)
class DbTask:
    """A piece of work, the future of its outcome, and whether a transaction has begun with it.

    ``timeout_s`` is in seconds, from when the storage thread is to do it.
    """

    work: Work
    options: TransactionOptions
    outcome: asyncio.Future[Any]
    timeout_s: float
    has_begun: bool = False


class WorkQueue(deque[DbTask]):
    """Tasks in the order in which they are done.

    The event loop adds tasks. The event loop or the storage thread takes them out, never both at
    once: ``Database`` decides which.
    """

    @property
    def is_small(self) -> bool:
        """Whether every task may run on the event loop."""
        return all(task.options.is_small for task in self)

    def take_group(self) -> list[DbTask]:
        """Take out the next tasks that may share a transaction; drop those nobody waits for."""
        group: list[DbTask] = []
        while self and len(group) < _MAX_GROUP:
            if group and (group[0].options.is_isolated or self[0].options.is_isolated):
                break
            group.append(self.popleft())
        wanted = [task for task in group if not task.outcome.done()]
        for task in wanted:
            task.has_begun = True
        return wanted

    def take_all(self) -> list[DbTask]:
        """Take out every task."""
        return [self.popleft() for _ in range(len(self))]


class DelayedTasks:
    """Tasks that may wait until others are written, for which a transaction is made anyway.

    After 20 milliseconds ``begin`` is called with them; all of it on the event loop.
    """

    def __init__(self, begin: Callable[[Iterable[DbTask]], None]) -> None:
        self._begin: Final = begin
        self._tasks: list[DbTask] = []
        self._timer: asyncio.TimerHandle | None = None

    def add(self, task: DbTask) -> None:
        """Let a task wait."""
        self._tasks.append(task)
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(_MAX_DELAY_S, lambda: self._begin(self.take()))

    def take(self) -> list[DbTask]:
        """Take out every task, in the order in which they were added."""
        tasks, self._tasks = self._tasks, []
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        return tasks


def set_results(tasks: Sequence[DbTask], results: Sequence[object]) -> None:
    """Deliver results; called on the event loop."""
    for task, result in zip(tasks, results, strict=True):
        if not task.outcome.done():
            task.outcome.set_result(result)


def succeed(tasks: Sequence[DbTask], results: Sequence[object]) -> None:
    """Deliver results; called on the storage thread."""
    _call_on_loop(tasks, partial(set_results, tasks, results))


def fail(tasks: Sequence[DbTask], error: BaseException) -> None:
    """Deliver an error to every task; called on the storage thread."""
    _call_on_loop(tasks, partial(_set_exception, tasks, error))


def _set_exception(tasks: Sequence[DbTask], error: BaseException) -> None:
    for task in tasks:
        if not task.outcome.done():
            task.outcome.set_exception(error)


def _call_on_loop(tasks: Sequence[DbTask], deliver: Callable[[], None]) -> None:
    # One call for the whole group: waking the loop costs more than most of the work.
    tasks[0].outcome.get_loop().call_soon_threadsafe(deliver)
