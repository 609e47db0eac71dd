import asyncio

import pytest

from bot.rocketchat.rate_limit.limiter import BackgroundPacer, PeopleWaiting


class PacedCalls:
    """A pacer on a clock that sleeping advances, and a person who waits until a given time."""

    def __init__(self, waits_until: float | None = None) -> None:
        self.time = 100.0
        self.people = PeopleWaiting(lambda: self.time)
        self.pacer = BackgroundPacer(lambda: self.time, self.people, self._sleep)
        self._waits_until = waits_until
        if waits_until is not None:
            self.people.add(["message"])

    async def send(self, count: int) -> list[int]:
        """Start that many calls at once; return when each was sent, in hundredths of a second."""
        sent_at: list[int] = []

        async def call() -> None:
            await self.pacer.wait_for_people()
            sent_at.append(round(100 * (self.time - 100.0)))

        await asyncio.gather(*(call() for _ in range(count)))
        return sent_at

    async def _sleep(self, seconds: float) -> None:
        self.time += seconds
        if self._waits_until is not None and self.time >= self._waits_until:
            self.people.remove("message")


async def test_without_people_calls_are_not_delayed() -> None:
    assert await PacedCalls().send(4) == [0, 0, 0, 0]


async def test_calls_are_paced_after_a_persons_call() -> None:
    calls = PacedCalls()
    calls.pacer.note_person()
    assert await calls.send(4) == [0, 4, 8, 12]


async def test_calls_are_not_delayed_five_seconds_after_the_last_person() -> None:
    calls = PacedCalls()
    calls.pacer.note_person()
    calls.time += 5
    assert await calls.send(3) == [500, 500, 500]


async def test_no_call_is_sent_while_a_person_waits() -> None:
    calls = PacedCalls(waits_until=100.2)
    assert await calls.send(2) == [20, 24]


async def test_a_person_who_waits_long_delays_a_call_by_half_a_second() -> None:
    calls = PacedCalls(waits_until=1000.0)
    assert await calls.send(2) == [50, pytest.approx(104, abs=1)]


def test_a_person_waits_until_every_message_is_removed() -> None:
    times = iter([1.0, 2.0, 3.0])
    people = PeopleWaiting(lambda: next(times))
    people.add(["one", "two"])
    people.remove("one")
    assert people.is_any
    people.remove("two")
    people.remove("unknown")
    assert not people.is_any


def test_a_person_counts_for_30_ms_after_another_process_took_the_message() -> None:
    times = iter([1.0, 1.029, 1.031])
    people = PeopleWaiting(lambda: next(times))
    people.add(["one"])
    people.remove("one")
    assert people.is_any
    assert not people.is_any
