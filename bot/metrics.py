"""Counters and histograms of one process; cheap enough for every message.

Names begin with ``session_bot_``. Every label's values are a set that the program knows
beforehand, so no user, room or session can be recognised.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, lru_cache
from typing import Final, Literal

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

REPLY_BUCKETS_S: Final = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0)
_REQUEST_BUCKETS_S: Final = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
_TRANSACTION_BUCKETS_S: Final = (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 10.0)

_UNKNOWN_COMMAND: Final = "unknown"
_TOO_MANY_REQUESTS: Final = 429


class CommandOutcome(StrEnum):
    """How a command ended for the user."""

    ANSWERED = "answered"
    ASKED_TO_CONNECT = "asked_to_connect"
    REFUSED = "refused"
    BUSY = "busy"
    FAILED = "failed"
    INTERNAL_ERROR = "internal_error"


class ReportOutcome(StrEnum):
    """How a due report ended."""

    ON_TIME = "on_time"
    LATE = "late"
    SKIPPED = "skipped"
    UNCHANGED = "unchanged"
    FAILED = "failed"
    CANCELLED = "cancelled"
    POSTPONED = "postponed"


class ReplyTimer:
    """Measures how long messages have waited for their reply; ``seconds`` is a monotonic clock."""

    def __init__(self, seconds: Callable[[], float] = time.monotonic) -> None:
        self._seconds: Final = seconds
        self._started_at: Final[dict[str, float]] = {}

    def start(self, message_ids: Iterable[str]) -> None:
        """Start measuring; messages that are being measured keep their start."""
        now = self._seconds()
        for message_id in message_ids:
            self._started_at.setdefault(message_id, now)

    def elapsed_s(self, message_id: str) -> float:
        """Return how long the message has waited; 0 for one that is not being measured."""
        now = self._seconds()
        return now - self._started_at.get(message_id, now)

    def stop(self, message_id: str) -> None:
        """Stop measuring a message."""
        self._started_at.pop(message_id, None)


class Metrics:
    """Counts what this process does, from its start on; ``version`` is the program's."""

    def __init__(self, version: str) -> None:
        # Without it each counter is shown twice, the second time with the process's start.
        disable_created_metrics()  # type: ignore[no-untyped-call] # the library has no types there
        registry = CollectorRegistry()
        self._registry: Final = registry
        self.reply_timer: Final = ReplyTimer()
        self._external_counters: Final[dict[str, Callable[[], int]]] = {}
        self._commands: Final = self._make_counter("commands", "Commands", "command", "outcome")
        self._undelivered: Final = self._make_counter(
            "replies_undelivered", "Replies that could not be posted"
        )
        self._excess: Final = self._make_counter(
            "messages_too_fast", "Messages that were not answered: too many came at once", "scope"
        )
        self._reports: Final = self._make_counter("reports", "Reports that were due", "outcome")
        self._alerts: Final = self._make_counter("alerts", "Alerts about new devices")
        self._alert_checks: Final = self._make_counter("alert_checks", "Checks for new devices")
        self._responses: Final = self._make_counter(
            "rest_responses", "Responses of the workspace", "route", "status"
        )
        self._storage_tasks: Final = self._make_counter("storage_tasks", "Tasks for the database")
        self._storage_failures: Final = self._make_counter(
            "storage_failures", "Transactions that failed"
        )
        self._reply_times: Final = self._make_histogram(
            "reply_seconds", "From receiving a command to its reply in the room", REPLY_BUCKETS_S
        )
        self._request_times: Final = self._make_histogram(
            "rest_request_seconds", "One request to the workspace", _REQUEST_BUCKETS_S, "route"
        )
        self._transaction_times: Final = self._make_histogram(
            "storage_transaction_seconds",
            "One transaction, which may run several tasks",
            _TRANSACTION_BUCKETS_S,
        )
        # Looking up a label takes as long as counting.
        self._find_command: Final = cache(self._commands.labels)
        self._find_response: Final = cache(self._responses.labels)
        self._find_request_time: Final = cache(self._request_times.labels)
        build = Gauge(_name("build_info"), "The program", ["version"], registry=registry)
        build.labels(version).set(1)
        # Memory, processor time and open files, named as in every other exporter.
        ProcessCollector(registry=registry)

    def record_command(self, command: str | None, outcome: CommandOutcome, message_id: str) -> None:
        """Count a command that has been replied to; None for a command that does not exist."""
        self._find_command(command or _UNKNOWN_COMMAND, outcome).inc()
        self._reply_times.observe(self.reply_timer.elapsed_s(message_id))

    def record_undelivered(self) -> None:
        """Count a reply that could not be posted."""
        self._undelivered.inc()

    def record_excess(self, scope: Literal["person", "room"]) -> None:
        """Count a message that was not answered, a person or a room having sent too many."""
        self._excess.labels(scope).inc()

    def record_report(self, outcome: ReportOutcome) -> None:
        """Count a report that was due."""
        self._reports.labels(outcome.value).inc()

    def record_alert_check(self, *, has_alerted: bool) -> None:
        """Count a check for new devices, and the alert that it may have caused."""
        self._alert_checks.inc()
        if has_alerted:
            self._alerts.inc()

    def record_request(self, route: str, status: int, seconds: float) -> None:
        """Count a request to the workspace.

        Status 0 means that no response came, a negative one that something else answered.
        """
        route = shorten_route(route)
        self._find_response(route, _classify(status)).inc()
        self._find_request_time(route).observe(seconds)

    def record_transaction(self, tasks: int, seconds: float, has_failed: bool) -> None:  # noqa: FBT001 - as the database calls it
        """Count a transaction; may be called from any thread."""
        self._storage_tasks.inc(tasks)
        self._transaction_times.observe(seconds)
        if has_failed:
            self._storage_failures.inc()

    def add_gauge(self, name: str, text: str, read: Callable[[], float]) -> None:
        """Add a gauge that calls ``read`` at every scrape."""
        Gauge(_name(name), text, registry=self._registry).set_function(read)

    def add_labelled_gauge(
        self, name: str, text: str, label: str, read: Callable[[], Mapping[str, float]]
    ) -> None:
        """Add a gauge with one label; ``read`` returns its numbers by the label's value."""

        def collect() -> list[Metric]:
            family = GaugeMetricFamily(_name(name), text, labels=[label])
            for value, number in read().items():
                family.add_metric([value], number)
            return [family]

        self._registry.register(_Collector(collect))

    def add_counter(self, name: str, text: str, read: Callable[[], int]) -> None:
        """Add a counter that is kept elsewhere; it is part of ``read_totals``, too."""
        self._external_counters[name] = read
        full_name = _name(name)
        self._registry.register(_Collector(lambda: [CounterMetricFamily(full_name, text, read())]))

    def render(self) -> bytes:
        """Return everything in Prometheus' text format."""
        return generate_latest(self._registry)

    def read_totals(self) -> dict[str, int]:
        """Return the counts that the status report uses, by name; they only ever grow."""
        totals = {f"commands {outcome}": 0 for outcome in CommandOutcome}
        totals |= {f"reports {outcome}": 0 for outcome in ReportOutcome}
        totals |= {"rate_limited": 0}
        for (_, outcome), count in _read(self._commands):
            totals[f"commands {outcome}"] += count
        for (outcome,), count in _read(self._reports):
            totals[f"reports {outcome}"] += count
        for (_, status), count in _read(self._responses):
            totals["rate_limited"] += count if status == str(_TOO_MANY_REQUESTS) else 0
        single = {
            "alerts": self._alerts,
            "replies_undelivered": self._undelivered,
            "storage_failures": self._storage_failures,
        }
        totals |= {name: count for name, counter in single.items() for _, count in _read(counter)}
        totals |= {name: read() for name, read in self._external_counters.items()}
        # Each process adds one, so the sum shows how often the bot was started.
        return totals | {"starts": 1} | dict(self._read_reply_times())

    def _read_reply_times(self) -> Iterator[tuple[str, int]]:
        """Yield how many replies took at most as long as each bucket's bound."""
        for sample in next(iter(self._reply_times.collect())).samples:
            if sample.name.endswith("_bucket"):
                yield f"within {sample.labels['le']}", int(sample.value)

    def _make_counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(_name(name), text, labels, registry=self._registry)

    def _make_histogram(
        self, name: str, text: str, buckets_s: tuple[float, ...], *labels: str
    ) -> Histogram:
        return Histogram(_name(name), text, labels, registry=self._registry, buckets=buckets_s)


@lru_cache(maxsize=100)
def shorten_route(route: str) -> str:
    """Cut off what follows a route's name, such as a room's id."""
    parts = route.split("/")
    return "/".join(parts[: 3 if parts[1:2] == ["sessions"] else 2])


@dataclass(frozen=True, slots=True)
class _Collector:
    """What the registry calls at every scrape."""

    collect: Callable[[], Iterable[Metric]]


def _read(counter: Counter) -> Iterator[tuple[tuple[str, ...], int]]:
    for sample in next(iter(counter.collect())).samples:
        if sample.name.endswith("_total"):
            yield tuple(sample.labels.values()), int(sample.value)


def _name(name: str) -> str:
    return f"session_bot_{name}"


def _classify(status: int) -> str:
    if status <= 0:
        return "foreign" if status else "none"
    return str(status) if status == _TOO_MANY_REQUESTS else f"{status // 100}xx"
