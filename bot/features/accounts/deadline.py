"""A deadline for work that a browser waits for: it shows nothing until there is an answer."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from bot.errors import RateLimitedError, UnreachableError

T = TypeVar("T")


async def within(
    seconds: float, work: Awaitable[T], expected_wait: Callable[[], float | None]
) -> T:
    """Return the result of ``work``, a read from the workspace, or cancel it after ``seconds``.

    ``expected_wait`` returns how many seconds the work would still be queued for the rate limit,
    or None if it is not queued. Raises RateLimitedError with that wait if it is queued at the
    deadline, UnreachableError if it is not, and whatever ``work`` raises.
    """
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(_catch(work))
        await asyncio.wait([task], timeout=seconds)
        wait = expected_wait()
        task.cancel()
    if task.cancelled():
        if wait is None:
            raise UnreachableError(f"the workspace did not answer within {seconds:.0f} s")
        raise RateLimitedError("still queued for the rate limit at the browser's deadline", wait)
    outcome = task.result()
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


async def _catch(work: Awaitable[T]) -> T | Exception:
    # As a value: the task group would wrap an error in an ExceptionGroup.
    try:
        return await work
    except Exception as error:  # noqa: BLE001 - it is raised again
        return error
