"""How much of its speed the work by the clock gives up while people wait for answers."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

_ABOUT: Final = 5.0  # seconds since the last call for somebody
_PACE: Final = 0.04
"""Seconds from one call to the next: eight reports a second, or a thousand in two minutes."""

_LONGEST_WAIT: Final = 0.5  # seconds for people; some of them wait for what takes long
_GLANCE: Final = 0.005


def nobody() -> bool:
    """Say that no person waits."""
    return False


class Courtesy:
    """Lets calls of schedules go slowly, and between those of people, while people are about.

    Each costs this process, its database and the workspace some milliseconds, and whoever asks
    something meanwhile waits for all that was begun before. With nobody about they go as they
    come. ``now`` is a monotonic clock in seconds.
    """

    def __init__(
        self,
        now: Callable[[], float],
        is_anybody_waiting: Callable[[], bool] = nobody,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._now: Final = now
        self._is_anybody_waiting: Final = is_anybody_waiting
        self._sleep: Final = sleep
        self._turn: Final = asyncio.Lock()
        self._person_at = self._free_at = float("-inf")

    def note_person(self) -> None:
        """Take in that something is asked for a person who waits."""
        self._person_at = self._now()

    async def step_back(self) -> None:
        """Wait until a schedule's call may go."""
        if not self._are_people_about():
            return
        async with self._turn:
            while self._are_people_about() and (left := self._free_at - self._now()) > 0:
                await self._sleep(left)
            latest = self._now() + _LONGEST_WAIT
            while self._is_anybody_waiting() and self._now() < latest:
                await self._sleep(_GLANCE)
            self._free_at = self._now() + _PACE

    def _are_people_about(self) -> bool:
        if self._is_anybody_waiting():
            self.note_person()
        return self._now() - self._person_at < _ABOUT
