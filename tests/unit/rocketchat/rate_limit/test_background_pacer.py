"""Work by the clock goes slowly, and between people's, while people are about."""

import asyncio

import pytest

from bot.rocketchat.rate_limit.queue import BackgroundPacer


class Town:
    """A clock that passes by sleeping, and somebody who waits until a given time."""

    def __init__(self) -> None:
        self.time = 100.0
        self.waits_until = 0.0
        self.courtesy = BackgroundPacer(lambda: self.time, self._is_anybody_waiting, self._sleep)

    async def walk(self, steps: int) -> list[float]:
        """Make so many calls at once; give when each went, in hundredths of a second."""
        went: list[float] = []

        async def call() -> None:
            await self.courtesy.step_back()
            went.append(round(100 * (self.time - 100.0)))

        await asyncio.gather(*(call() for _ in range(steps)))
        return went

    def _is_anybody_waiting(self) -> bool:
        return self.time < self.waits_until

    async def _sleep(self, seconds: float) -> None:
        self.time += seconds


async def test_with_nobody_about_calls_go_as_they_come() -> None:
    assert await Town().walk(4) == [0, 0, 0, 0]


async def test_while_somebody_is_about_calls_go_slowly() -> None:
    town = Town()
    town.courtesy.note_person()
    assert await town.walk(4) == [0, 4, 8, 12]


async def test_once_everybody_has_left_calls_go_as_they_come() -> None:
    town = Town()
    town.courtesy.note_person()
    town.time += 5
    assert await town.walk(3) == [500, 500, 500]


async def test_while_somebody_waits_no_call_begins() -> None:
    town = Town()
    town.waits_until = 100.2
    assert await town.walk(2) == [20, 24]


async def test_somebody_who_waits_for_long_holds_nothing_up_for_ever() -> None:
    town = Town()
    town.waits_until = 1000.0
    assert await town.walk(2) == [50, pytest.approx(104, abs=1)]
