"""Numbers that are looked up whenever somebody asks for them, and cost nothing meanwhile."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import structlog

from bot.errors import StorageError
from bot.features.status_report.counters import Backlog, load_backlog
from bot.metrics import Metrics, shorten_route
from bot.rocketchat.rate_limit.limiter import RateLimiter
from bot.rocketchat.realtime import RealtimeClient
from bot.storage.database import Database

_FRESH: Final = 5.0
_PATIENCE: Final = 3.0


@dataclass(frozen=True, slots=True)
class Sources:
    """Where numbers come from; ``in_hand`` and ``heard`` count messages of this process."""

    realtime: RealtimeClient
    budget: RateLimiter
    database: Database
    in_hand: Callable[[], int]
    heard: Callable[[], int]
    is_storage_good: Callable[[], bool]
    now: Callable[[], datetime]


class Gauges:
    """Everything there is to see, as Prometheus reads it."""

    def __init__(self, metrics: Metrics, sources: Sources) -> None:
        self._metrics: Final = metrics
        self._sources: Final = sources
        self._backlog: Backlog | None = None
        self._looked_at = -_FRESH
        self._looking: Final = asyncio.Lock()
        self._log = structlog.get_logger("metrics")
        _show_link(metrics, sources.realtime)
        _show_budget(metrics, sources.budget)
        self._show_queues()
        metrics.show("storage_up", "Whether the database can be written", sources.is_storage_good)
        self._show_people()

    async def render(self) -> bytes:
        """Write all of it down; what the database holds may be 5 seconds old."""
        async with self._looking:
            if time.monotonic() - self._looked_at >= _FRESH:
                self._backlog = await self._look()
                self._looked_at = time.monotonic()
        return self._metrics.render()

    async def _look(self) -> Backlog | None:
        try:
            async with asyncio.timeout(_PATIENCE):
                return await load_backlog(self._sources.database, self._sources.now())
        except (StorageError, TimeoutError) as error:
            self._log.warning("the database was not asked for numbers", problem=str(error))
            return None

    def _show_queues(self) -> None:
        sources, each = self._sources, self._metrics.show_each
        each("queue_length", "What waits in this process", "queue", self._count_queues)
        each(
            "backlog", "What waits in the database, for all processes", "kind", self._count_backlog
        )
        self._metrics.show(
            "storage_waiting", "Work that waits for the database", lambda: sources.database.waiting
        )

    def _show_people(self) -> None:
        each = self._metrics.show_each
        each("people", "Accounts that are connected, and those watched over", "kind", self._count)

    def _count_queues(self) -> Mapping[str, float]:
        return {"heard": self._sources.heard(), "in_hand": self._sources.in_hand()}

    def _count_backlog(self) -> Mapping[str, float]:
        found = self._backlog
        if found is None:
            return {}
        return {"messages": found.messages, "reports": found.reports, "reports_due": found.late}

    def _count(self) -> Mapping[str, float]:
        found = self._backlog
        return {} if found is None else {"connected": found.connected, "watched": found.watched}


def _show_link(metrics: Metrics, realtime: RealtimeClient) -> None:
    metrics.show("link_up", "Whether the bot hears what is said", lambda: realtime.is_live)
    metrics.show(
        "link_silence_seconds", "Since the last frame", lambda: realtime.seconds_since_frame
    )
    metrics.count_also("link_losses", "Links that broke", lambda: realtime.losses)
    metrics.count_also("link_frames", "Frames that came", lambda: realtime.frames)


def _show_budget(metrics: Metrics, budget: RateLimiter) -> None:
    def count_waiting() -> Mapping[str, float]:
        people = budget.count_waiting(is_background=False)
        return {"people": people, "schedules": budget.count_waiting(is_background=True)}

    def list_left() -> Mapping[str, float]:
        left = budget.remaining
        return _by_route({name: number for name, number in left.items() if number is not None})

    each = metrics.show_each
    each("calls_waiting", "Calls that wait for the rate limit", "whose", count_waiting)
    each("budget_left", "Calls that the window still allows", "route", list_left)
    text = "Calls that a window allows"
    each("budget_allowed", text, "route", lambda: _by_route(budget.allowed))


def _by_route(numbers: Mapping[str, int]) -> Mapping[str, float]:
    found: dict[str, float] = {}
    for name, number in numbers.items():
        route = shorten_route(name)
        found[route] = min(number, found.get(route, number))
    return found
