import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from bot.backoff import Backoff
from bot.dispatcher.user_queues import MAX_QUEUED, Progress, UserQueues, UserTask
from tests.support.deadlines import DEADLINE_S

NOW = datetime(2026, 11, 23, 20, 0, tzinfo=UTC)
QUICK = Backoff(first_pause_s=0.01, max_pause_s=0.02)


@asynccontextmanager
async def running() -> AsyncIterator[UserQueues]:
    queues = UserQueues(QUICK)
    async with asyncio.timeout(DEADLINE_S), asyncio.TaskGroup() as tasks:
        tasks.create_task(queues.run())
        yield queues
        queues.stop()


class Diary:
    """Notes what was worked, and how it is to end."""

    def __init__(self) -> None:
        self.worked: list[str] = []
        self.endings: dict[str, list[Progress]] = {}
        self._changed = asyncio.Event()

    def make_job(self, person: str, name: str, second: int = 0) -> UserTask:
        async def work() -> Progress:
            self.worked.append(name)
            self._changed.set()
            endings = self.endings.get(name)
            return endings.pop(0) if endings else Progress.DONE

        return UserTask(person, NOW + timedelta(seconds=second), work)

    async def wait_until(self, is_enough: Callable[[], bool]) -> None:
        while not is_enough():
            self._changed.clear()
            await self._changed.wait()


async def test_one_persons_work_is_done_in_the_order_of_its_times() -> None:
    diary = Diary()
    async with running() as queues:
        for name, second in (("c", 3), ("a", 1), ("b", 2), ("b again", 2)):
            queues.add(diary.make_job("ann", name, second))
        await diary.wait_until(lambda: len(diary.worked) == 4)
    assert diary.worked == ["a", "b", "b again", "c"]
    assert queues.room == MAX_QUEUED


async def test_what_fails_is_done_again_before_what_comes_after_it() -> None:
    diary = Diary()
    diary.endings["a"] = [Progress.FAILED, Progress.BLOCKED, Progress.FAILED]
    async with running() as queues:
        queues.add(diary.make_job("ann", "a", 1))
        queues.add(diary.make_job("ann", "b", 2))
        await diary.wait_until(lambda: "b" in diary.worked)
    assert diary.worked == ["a", "a", "a", "a", "b"]


async def test_people_do_not_wait_for_each_other() -> None:
    diary, blocked = Diary(), asyncio.Event()

    async def hang() -> Progress:
        await blocked.wait()
        return Progress.DONE

    async with running() as queues:
        queues.add(UserTask("ann", NOW, hang))
        for number in range(100):
            queues.add(diary.make_job(f"person {number}", str(number)))
        await diary.wait_until(lambda: len(diary.worked) == 100)
        blocked.set()
    assert diary.worked == [str(number) for number in range(100)]


async def test_what_holds_up_an_earlier_comer_goes_first() -> None:
    diary = Diary()
    diary.endings["b"] = [Progress.BLOCKED]
    async with running() as queues:
        queues.add(diary.make_job("ann", "b", 2))
        await diary.wait_until(lambda: diary.worked == ["b"])
        queues.add(diary.make_job("ann", "a", 1))
        await diary.wait_until(lambda: len(diary.worked) == 3)
    assert diary.worked == ["b", "a", "b"]


async def test_a_stop_lets_running_work_end_and_begins_nothing_more() -> None:
    diary, begun, blocked = Diary(), asyncio.Event(), asyncio.Event()
    ended: list[str] = []

    async def hang() -> Progress:
        begun.set()
        await blocked.wait()
        ended.append("it")
        return Progress.DONE

    async with running() as queues:
        queues.add(UserTask("ann", NOW, hang))
        queues.add(diary.make_job("ann", "later", 1))
        await begun.wait()
        queues.stop()
        blocked.set()
    assert ended == ["it"]
    assert diary.worked == []


@pytest.mark.parametrize("order", range(8))
async def test_what_comes_after_a_stop_is_left_to_the_next_start(order: int) -> None:
    diary, released = Diary(), asyncio.Event()

    async def work() -> Progress:
        await released.wait()
        return Progress.DONE

    async with running() as queues:
        await asyncio.sleep(0)
        queues.add(UserTask("ann", NOW, work))
        await asyncio.sleep(0)
        queues.stop()
        released.set()
        for _ in range(order):
            await asyncio.sleep(0)
        queues.add(diary.make_job("bob", "late"))
    assert diary.worked == []
