"""A workspace that counts calls as the real one does, on the loop's own clock."""

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import formatdate

from multidict import CIMultiDict

from bot.rocketchat.rate_limit.limiter import RateLimiter
from bot.rocketchat.rate_limit.queue import QueuedCall
from bot.rocketchat.responses import Response

EPOCH = 1_790_000_000.0
FORTY = [f"person {number}" for number in range(40)]


def now() -> float:
    return asyncio.get_running_loop().time()


@dataclass
class LimitedWorkspace:
    """Counts calls in windows that begin with the first call after the last one ended.

    ``takes`` gives the seconds that a call takes there, and back. ``skew`` is how far its clock
    is ahead.
    """

    limit: int = 10
    window: float = 60.0
    skew: float = 0.0
    has_date: bool = True
    is_on: bool = True
    exempt: frozenset[str] = frozenset()
    takes: Callable[[], tuple[float, float]] = lambda: (0.02, 0.03)
    ends_at: float = 0.0
    used: int = 0
    refused: int = 0

    async def serve(self, user_id: str) -> Response:
        there, back = self.takes()
        await asyncio.sleep(there)
        answer = self.count(user_id)
        await asyncio.sleep(back)
        return answer

    def count(self, user_id: str) -> Response:
        if not self.is_on or user_id in self.exempt:
            return self._answer(200, {})
        if now() >= self.ends_at:
            self.ends_at, self.used = now() + self.window, 0
        self.used += 1
        if self.used > self.limit:
            self.refused += 1
            return self._answer(429, self._limits())
        return self._answer(200, self._limits())

    def _limits(self) -> dict[str, str]:
        reset = EPOCH + self.skew + self.ends_at
        return {
            "x-ratelimit-limit": str(self.limit),
            "x-ratelimit-remaining": str(max(0, self.limit - self.used)),
            "x-ratelimit-reset": str(math.floor(reset * 1000)),
        }

    def _answer(self, status: int, headers: dict[str, str]) -> Response:
        if self.has_date:
            headers = {**headers, "Date": formatdate(EPOCH + self.skew + now(), usegmt=True)}
        left = math.ceil(self.ends_at - now())
        text = f"Error, too many requests. You must wait {left} seconds before trying again."
        document = {"success": True} if status == 200 else {"success": False, "error": text}
        return Response(status, CIMultiDict(headers), document)


@dataclass
class Town:
    """People whose calls go to a limited workspace through one budget."""

    workspace: LimitedWorkspace
    most_waiting: int = 200
    budget: RateLimiter = field(init=False)
    alarms: list[asyncio.TimerHandle] = field(default_factory=list)
    order: list[str] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.budget = RateLimiter(now=now, call_at=self._call_at, most_waiting=self.most_waiting)

    def _call_at(self, when: float, callback: Callable[[], None]) -> asyncio.TimerHandle:
        self.alarms.append(asyncio.get_running_loop().call_at(when, callback))
        return self.alarms[-1]

    async def ask(self, user_id: str, *, is_background: bool = False) -> float:
        """Ask once; give when the answer came."""

        ticket = QueuedCall(user_id, is_background)

        async def send() -> Response:
            if not ticket.is_repeat:
                self.order.append(user_id)
            return await self.workspace.serve(user_id)

        answer = await self.budget.ask("GET v1/me", ticket, send)
        self.statuses.append(answer.status)
        return now()

    @property
    def is_alarm_set(self) -> bool:
        return any(not each.cancelled() and each.when() > now() for each in self.alarms)


async def ask_all(town: Town, user_ids: list[str]) -> list[float]:
    return await asyncio.gather(*(town.ask(user_id) for user_id in user_ids))


async def start_asking(town: Town, *user_ids: str) -> "list[asyncio.Task[float]]":
    tasks = [asyncio.create_task(town.ask(user_id)) for user_id in user_ids]
    await asyncio.sleep(1)
    return tasks


async def stop(tasks: "list[asyncio.Task[float]]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


async def exhaust(town: Town) -> None:
    """Use up the present window."""
    await ask_all(town, ["early"] * town.workspace.limit)
