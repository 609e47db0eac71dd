"""Gauges and counters whose values other parts know: each is read at every scrape."""

import asyncio
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

import structlog

from bot.dispatcher.dispatcher import Dispatcher
from bot.errors import StorageError
from bot.features.status_report.backlog import load_backlog
from bot.metrics import Metrics, shorten_route
from bot.rocketchat.rate_limit.limiter import RateLimiter
from bot.rocketchat.realtime import RealtimeClient
from bot.storage.database import Database

_MAX_AGE_S: Final = 5.0
_QUERY_TIMEOUT_S: Final = 3.0


def add_storage_gauge(metrics: Metrics, is_good: Callable[[], bool]) -> None:
    """Add whether the database can be used."""
    metrics.add_gauge("storage_up", "Whether the last write succeeded", is_good)


def _add_message_counters(metrics: Metrics, dispatcher: Dispatcher) -> None:
    receiver, claims = dispatcher.receiver, dispatcher.claims
    metrics.add_counter(
        "messages_repeated", "Messages that the stream delivered again", lambda: receiver.repeated
    )
    metrics.add_counter(
        "messages_caught_up",
        "Messages that the stream did not deliver, and that were read over REST",
        lambda: receiver.caught_up,
    )
    metrics.add_counter(
        "messages_taken_over",
        "Messages that another process, or an earlier run, left unanswered",
        lambda: claims.taken_over,
    )
    metrics.add_gauge(
        "clock_offset_seconds",
        "How far this machine's clock is ahead of the workspace's",
        lambda: dispatcher.clock_offset_s,
    )


def _add_realtime_gauges(metrics: Metrics, realtime: RealtimeClient) -> None:
    metrics.add_gauge("realtime_up", "Whether the bot receives messages", realtime.is_live)
    metrics.add_gauge(
        "realtime_silence_seconds",
        "Time since the last frame",
        lambda: realtime.seconds_since_frame,
    )
    metrics.add_counter("realtime_disconnects", "Connections that broke", lambda: realtime.losses)
    metrics.add_counter("realtime_frames", "Frames received", lambda: realtime.frames)


def _add_rate_limit_gauges(metrics: Metrics, limiter: RateLimiter) -> None:
    def count_waiting() -> Mapping[str, float]:
        interactive = limiter.count_queued(is_background=False)
        background = limiter.count_queued(is_background=True)
        return {"interactive": interactive, "background": background}

    def read_remaining() -> Mapping[str, float]:
        remaining = limiter.remaining
        return _min_by_route({name: n for name, n in remaining.items() if n is not None})

    metrics.add_labelled_gauge(
        "rest_requests_waiting",
        "Requests that wait for the rate limit",
        "priority",
        count_waiting,
    )
    metrics.add_labelled_gauge(
        "rate_limit_remaining", "Requests left in the window", "route", read_remaining
    )
    metrics.add_labelled_gauge(
        "rate_limit_allowed",
        "Requests that a window allows",
        "route",
        lambda: _min_by_route(limiter.limits),
    )


class Gauges:
    """The gauges of a listening bot; what waits in the database is loaded when somebody scrapes."""

    def __init__(
        self,
        metrics: Metrics,
        dispatcher: Dispatcher,
        realtime: RealtimeClient,
        limiter: RateLimiter,
        database: Database,
        now: Callable[[], datetime],
    ) -> None:
        self._metrics: Final = metrics
        self._database: Final = database
        self._now: Final = now
        self._backlog: Mapping[str, float] = {}
        self._accounts: Mapping[str, float] = {}
        self._loaded_at = -_MAX_AGE_S
        self._loading: Final = asyncio.Lock()
        self._log: Final = structlog.get_logger("metrics")
        _add_message_counters(metrics, dispatcher)
        _add_realtime_gauges(metrics, realtime)
        _add_rate_limit_gauges(metrics, limiter)
        add_storage_gauge(metrics, lambda: dispatcher.is_storage_good)
        metrics.add_gauge(
            "storage_tasks_waiting", "Tasks that wait for the database", lambda: database.waiting
        )
        metrics.add_counter(
            "storage_repeats",
            "Transactions that the database undid, and that were repeated",
            database.count_repeats,
        )
        metrics.add_labelled_gauge(
            "queue_length",
            "Messages that wait in this process",
            "queue",
            dispatcher.count_messages,
        )
        metrics.add_labelled_gauge(
            "backlog", "What waits in the database", "kind", lambda: self._backlog
        )
        metrics.add_labelled_gauge("accounts", "Accounts", "kind", lambda: self._accounts)

    async def render(self) -> bytes:
        """Return all metrics; what the database holds is at most 5 seconds old."""
        async with self._loading:
            if time.monotonic() - self._loaded_at >= _MAX_AGE_S:
                await self._load()
                self._loaded_at = time.monotonic()
        return self._metrics.render()

    async def _load(self) -> None:
        self._backlog, self._accounts = {}, {}
        try:
            async with asyncio.timeout(_QUERY_TIMEOUT_S):
                found = await load_backlog(self._database, self._now())
        except (StorageError, TimeoutError) as error:
            self._log.warning("the backlog could not be loaded", problem=str(error))
            return
        self._backlog = {
            "messages": found.messages,
            "reports": found.reports,
            "reports_due": found.late,
        }
        self._accounts = {"connected": found.connected, "with_alerts": found.watched}


def _min_by_route(numbers: Mapping[str, int]) -> Mapping[str, float]:
    """Return the smallest number of each route, whose name may stand several times, with ids."""
    found: dict[str, float] = {}
    for name, number in numbers.items():
        route = shorten_route(name)
        found[route] = min(number, found.get(route, number))
    return found
