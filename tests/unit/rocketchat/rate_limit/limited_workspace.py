"""A workspace that counts calls as the real one does, by the event loop's clock."""

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
FORTY_USERS = [f"person {number}" for number in range(40)]


def now() -> float:
    return asyncio.get_running_loop().time()


@dataclass
class LimitedWorkspace:
    """Counts calls in windows that begin with the first call after the last one ended.

    ``takes`` returns the seconds that a request takes to the workspace, and its response back.
    ``skew`` is how far its clock is ahead, in seconds.
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
        response = self.count(user_id)
        await asyncio.sleep(back)
        return response

    def count(self, user_id: str) -> Response:
        if not self.is_on or user_id in self.exempt:
            return self._make_response(200, {})
        if now() >= self.ends_at:
            self.ends_at, self.used = now() + self.window, 0
        self.used += 1
        if self.used > self.limit:
            self.refused += 1
            return self._make_response(429, self._limits())
        return self._make_response(200, self._limits())

    def _limits(self) -> dict[str, str]:
        reset = EPOCH + self.skew + self.ends_at
        return {
            "x-ratelimit-limit": str(self.limit),
            "x-ratelimit-remaining": str(max(0, self.limit - self.used)),
            "x-ratelimit-reset": str(math.floor(reset * 1000)),
        }

    def _make_response(self, status: int, headers: dict[str, str]) -> Response:
        if self.has_date:
            headers = {**headers, "Date": formatdate(EPOCH + self.skew + now(), usegmt=True)}
        left = math.ceil(self.ends_at - now())
        text = f"Error, too many requests. You must wait {left} seconds before trying again."
        document = {"success": True} if status == 200 else {"success": False, "error": text}
        return Response(status, CIMultiDict(headers), document)


@dataclass
class ScriptedUsers:
    """Users whose calls go to a limited workspace through one rate limiter."""

    workspace: LimitedWorkspace
    max_queued: int = 200
    limiter: RateLimiter = field(init=False)
    timers: list[asyncio.TimerHandle] = field(default_factory=list)
    order: list[str] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.limiter = RateLimiter(now=now, call_at=self._call_at, max_queued=self.max_queued)

    def _call_at(self, when: float, callback: Callable[[], None]) -> asyncio.TimerHandle:
        self.timers.append(asyncio.get_running_loop().call_at(when, callback))
        return self.timers[-1]

    async def call_once(self, user_id: str, *, is_background: bool = False) -> float:
        """Send one call; return when its response came."""

        call = QueuedCall(user_id, is_background)

        async def send() -> Response:
            if not call.is_repeat:
                self.order.append(user_id)
            return await self.workspace.serve(user_id)

        response = await self.limiter.run("GET v1/me", call, send)
        self.statuses.append(response.status)
        return now()

    @property
    def queued(self) -> int:
        return sum(self.limiter.count_queued(is_background=each) for each in (True, False))

    @property
    def is_timer_set(self) -> bool:
        return any(not each.cancelled() and each.when() > now() for each in self.timers)


async def call_all(users: ScriptedUsers, user_ids: list[str]) -> list[float]:
    return await asyncio.gather(*(users.call_once(user_id) for user_id in user_ids))


async def start_calls(users: ScriptedUsers, *user_ids: str) -> "list[asyncio.Task[float]]":
    tasks = [asyncio.create_task(users.call_once(user_id)) for user_id in user_ids]
    await asyncio.sleep(1)
    return tasks


async def stop(tasks: "list[asyncio.Task[float]]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


async def use_up_window(users: ScriptedUsers) -> None:
    """Use up the current window."""
    await call_all(users, ["early"] * users.workspace.limit)
