"""Work that waits for the database, in its order, and who waits for its outcome."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

from sqlalchemy import Connection

from bot.values import value

_LARGEST_GROUP: Final = 500  # so that other processes on the file get their turn


@value
class Job:
    """A piece of work and the future of its outcome; the flags are those of ``Database.run``."""

    work: Callable[[Connection], Any]
    outcome: asyncio.Future[Any]
    is_groupable: bool
    is_lasting: bool
    is_reading: bool = False


class Line:
    """Jobs in the order in which they are to be done; those without hurry wait for another's turn.

    Jobs are added by the event loop, and taken by it or by the storage thread, never by both at
    once.
    """

    def __init__(self) -> None:
        self._ready: Final[deque[Job]] = deque()
        self._unhurried: Final[deque[Job]] = deque()

    def __len__(self) -> int:
        return len(self._ready) + len(self._unhurried)

    @property
    def is_anybody_ready(self) -> bool:
        """Whether there is a job to be done now."""
        return bool(self._ready)

    @property
    def is_small(self) -> bool:
        """Whether all that is to be done now is done in no time, and waits for no disk."""
        return all(job.is_groupable and not job.is_lasting for job in self._ready)

    def add(self, job: Job) -> None:
        """Add a job; what was not urgent goes first, but for queries, which overtake it."""
        if not job.is_reading:
            self.hurry()
        self._ready.append(job)

    def add_unhurried(self, job: Job) -> None:
        """Add a job that waits for the next one that writes, or for ``hurry``."""
        self._unhurried.append(job)

    def hurry(self) -> bool:
        """Let what was not urgent be done now; false where there is none."""
        has_any = bool(self._unhurried)
        self._ready.extend(self._unhurried)
        self._unhurried.clear()
        return has_any

    def take_group(self) -> list[Job]:
        """Take out the next jobs that may share a transaction, but for those given up."""
        jobs: list[Job] = []
        while self._ready and len(jobs) < _LARGEST_GROUP:
            if jobs and not (jobs[0].is_groupable and self._ready[0].is_groupable):
                break
            jobs.append(self._ready.popleft())
        return [job for job in jobs if not job.outcome.cancelled()]

    def take_all(self) -> list[Job]:
        """Take out all that is to be done now."""
        return [self._ready.popleft() for _ in range(len(self._ready))]

    def put_back(self, jobs: Sequence[Job]) -> None:
        """Let jobs that were taken be the next ones."""
        self._ready.extendleft(reversed(jobs))


def fail(jobs: Sequence[Job], error: BaseException) -> None:
    """Tell, from the storage thread, all who wait that it came to nothing."""
    _wake(jobs, partial(_set_exception, jobs, error))


def succeed(jobs: Sequence[Job], results: Sequence[object]) -> None:
    """Give, from the storage thread, all who wait their results."""
    _wake(jobs, partial(set_results, jobs, results))


def set_results(jobs: Sequence[Job], results: Sequence[object]) -> None:
    """Give all who wait their results, from the event loop."""
    for job, result in zip(jobs, results, strict=True):
        if not job.outcome.done():
            job.outcome.set_result(result)


def _set_exception(jobs: Sequence[Job], error: BaseException) -> None:
    for job in jobs:
        if not job.outcome.done():
            job.outcome.set_exception(error)


def _wake(jobs: Sequence[Job], deliver: Callable[[], None]) -> None:
    # One call for the whole group: waking the loop costs more than most of the work.
    jobs[0].outcome.get_loop().call_soon_threadsafe(deliver)
