"""Checks for new devices right after somebody comes online, where the workspace tells so."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from bot.errors import StorageError
from bot.scheduler.task_runner import TaskRunner

FOLLOW_EVERY_S: Final = 20.0
"""How often it is looked up who has alerts; in the database, for other processes change it too."""

# The server tells of a login before it has stored the session.
_SESSION_STORED_AFTER_S: Final = 0.7
MAX_CONCURRENT: Final = 4
_MAX_QUEUED: Final = 1000  # the periodic checks find the others


class PresenceChecks:
    """Follows the people with alerts, and checks those who come online, each once a minute.

    ``follow`` is called with the ids of all people with alerts.
    """

    def __init__(self, runner: TaskRunner, follow: Callable[[frozenset[str]], None]) -> None:
        self._runner: Final = runner
        self._alerts: Final = runner.alerts
        self._follow: Final = follow
        # User ids, and from when on each may be checked in the event loop's seconds.
        self._queue: Final[asyncio.Queue[tuple[str, float]]] = asyncio.Queue(_MAX_QUEUED)

    def note_online(self, user_id: str) -> None:
        """Have somebody checked who came online."""
        if user_id not in self._alerts.online and not self._queue.full():
            self._alerts.online.add(user_id)
            ready_at = asyncio.get_running_loop().time() + _SESSION_STORED_AFTER_S
            self._queue.put_nowait((user_id, ready_at))

    async def run(self) -> None:
        """Work until cancelled; raise TokenRejectedError where the workspace refuses the bot."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep_following())
            for _ in range(MAX_CONCURRENT):
                tasks.create_task(self._keep_checking())

    async def _keep_following(self) -> None:
        while True:
            self._alerts.has_changed.clear()
            with suppress(StorageError):  # the scheduler logs it
                self._follow(await self._alerts.subscriptions.load_user_ids())
            with suppress(TimeoutError):
                async with asyncio.timeout(FOLLOW_EVERY_S):
                    await self._alerts.has_changed.wait()

    async def _keep_checking(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            user_id, ready_at = await self._queue.get()
            await asyncio.sleep(ready_at - loop.time())
            self._alerts.online.discard(user_id)
            await self._runner.run_logged(f"presence check of {user_id}", self._check(user_id))

    async def _check(self, user_id: str) -> None:
        subscription = await self._alerts.take_online(user_id)
        if subscription is not None:
            await self._runner.check_alerts(subscription)
