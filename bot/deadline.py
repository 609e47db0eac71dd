"""Not waiting for ever in somebody's name: a browser shows nothing until there is an answer."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from bot.errors import RateLimitedError, UnreachableError

T = TypeVar("T")


async def within(
    seconds: float, work: Awaitable[T], expected_wait: Callable[[], float | None]
) -> T:
    """Return what comes of reading from the workspace, if it comes within so many seconds.

    Raises RateLimitedError, which says how long it would still have been, where the work waits for
    its turn (``expected_wait`` is in seconds, None where nothing waits), else UnreachableError.
    """
    async with asyncio.TaskGroup() as tasks:
        working = tasks.create_task(_catch(work))
        await asyncio.wait([working], timeout=seconds)
        wait = expected_wait()
        working.cancel()
    if working.cancelled():
        if wait is None:
            raise UnreachableError(f"the workspace did not answer within {seconds:.0f} s")
        raise RateLimitedError("a browser cannot wait for its turn as long as that", wait)
    outcome = working.result()
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


async def _catch(work: Awaitable[T]) -> T | Exception:
    # The outcome is handed out as a value: the group would wrap an error in another.
    try:
        return await work
    except Exception as error:  # noqa: BLE001 - it is raised again
        return error
