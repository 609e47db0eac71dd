"""What one process counts about its own work; cheap enough for every message.

Names begin with ``session_bot_``. Every label is from a set that the program knows beforehand:
neither people nor rooms nor sessions can be told from it.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, lru_cache
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

WAITS: Final = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0)
"""Bounds of the classes, in seconds, into which waiting times are sorted."""

_CALLS: Final = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
_COMMITS: Final = (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 10.0)
_UNKNOWN: Final = "unknown"
_TOO_MANY: Final = 429


class Outcome(StrEnum):
    """How a command ended for the person."""

    ANSWERED = "answered"
    CONNECT = "asked_to_connect"
    REFUSED = "refused"
    BUSY = "busy"
    FAILED = "failed"
    SURPRISE = "surprised"


class Due(StrEnum):
    """What became of a report that was due."""

    ON_TIME = "on_time"
    LATE = "late"
    SKIPPED = "skipped"
    QUIET = "quiet"
    EXPLAINED = "explained"
    DROPPED = "dropped"
    PUT_OFF = "put_off"


_ANOTHERS: Final = 0.03
"""Seconds for which a message is taken to be another process's, which has claimed it first."""


class Waits:
    """How long messages have been waiting, in seconds by a monotonic clock."""

    def __init__(self, seconds: Callable[[], float] = time.monotonic) -> None:
        self._seconds: Final = seconds
        self._since: Final[dict[str, float]] = {}
        self._begun_at = float("-inf")

    def begin(self, message_ids: Iterable[str]) -> None:
        """Start to measure; what is measured already goes on."""
        now = self._seconds()
        for message_id in message_ids:
            self._begun_at = now
            self._since.setdefault(message_id, now)

    def is_any(self) -> bool:
        """Return whether any message is waiting, be it that another process answers it."""
        return bool(self._since) or self._seconds() - self._begun_at < _ANOTHERS

    def measure(self, message_id: str) -> float:
        """Return how long the message has been waiting; 0 for one that was never begun."""
        now = self._seconds()
        return now - self._since.get(message_id, now)

    def end(self, message_id: str) -> None:
        """Measure it no more."""
        self._since.pop(message_id, None)


class Metrics:
    """Counters and histograms of this process, from its start on; ``version`` is the program's."""

    def __init__(self, version: str) -> None:
        registry = CollectorRegistry()
        self._registry: Final = registry
        self.waits: Final = Waits()
        self._others: Final[dict[str, Callable[[], int]]] = {}
        count = _Counters(registry)
        self._commands: Final = count("commands", "Commands", "command", "outcome")
        self._lost: Final = count("answers_undelivered", "Answers no room takes")
        self._reports: Final = count("reports", "Reports that were due", "outcome")
        self._alerts: Final = count("alerts", "Alerts of new devices that were sent")
        self._looks: Final = count("looks", "Looks for new devices")
        self._calls: Final = count("rest_answers", "Answers of the workspace", "route", "status")
        self._jobs: Final = count("storage_jobs", "Pieces of work for the database")
        self._broken: Final = count("storage_failures", "Transactions that failed")
        self._waits: Final = _make_histogram(
            registry, "answer_seconds", "From hearing a command to its answer in the room", WAITS
        )
        self._call_times: Final = _make_histogram(
            registry, "rest_seconds", "One request to the workspace", _CALLS, "route"
        )
        self._commits: Final = _make_histogram(
            registry, "storage_seconds", "One transaction, which may hold several jobs", _COMMITS
        )
        # To look up a label takes as long as to count.
        self._find_command: Final = cache(self._commands.labels)
        self._find_call: Final = cache(self._calls.labels)
        self._find_time: Final = cache(self._call_times.labels)
        build = Gauge(_name("build_info"), "The program", ["version"], registry=registry)
        build.labels(version).set(1)
        # Memory, processor time and open files, as every exporter names them.
        ProcessCollector(registry=registry)

    def note_command(self, command: str | None, outcome: Outcome, message_id: str) -> None:
        """Count a command that has been answered; None for one that there is not."""
        self._find_command(command or _UNKNOWN, outcome).inc()
        self._waits.observe(self.waits.measure(message_id))

    def note_undelivered(self) -> None:
        """Count an answer that could not be given."""
        self._lost.inc()

    def note_report(self, due: Due) -> None:
        """Count a report whose time had come."""
        self._reports.labels(due.value).inc()

    def note_look(self, *, has_alerted: bool) -> None:
        """Count a look for new devices, and the alert that may have come of it."""
        self._looks.inc()
        if has_alerted:
            self._alerts.inc()

    def note_call(self, route: str, status: int, seconds: float) -> None:
        """Count a request to the workspace; status 0 where no answer came."""
        route = shorten_route(route)
        self._find_call(route, _classify(status)).inc()
        self._find_time(route).observe(seconds)

    def note_transaction(self, jobs: int, seconds: float, has_failed: bool) -> None:  # noqa: FBT001 - as the database calls it
        """Count a transaction; may be called from any thread."""
        self._jobs.inc(jobs)
        self._commits.observe(seconds)
        if has_failed:
            self._broken.inc()

    def show(self, name: str, text: str, read: Callable[[], float]) -> None:
        """Show a number that is asked for whenever somebody looks."""
        Gauge(_name(name), text, registry=self._registry).set_function(read)

    def show_each(
        self, name: str, text: str, label: str, read: Callable[[], Mapping[str, float]]
    ) -> None:
        """Show several numbers, told apart by a label, that are asked for in the same way."""
        self._registry.register(_Table(_name(name), text, label, read))

    def count_also(self, name: str, text: str, read: Callable[[], int]) -> None:
        """Show and report a number that only grows and that somebody else counts."""
        self._others[name] = read
        self._registry.register(_Sum(_name(name), text, read))

    def render(self) -> bytes:
        """Write everything down in Prometheus' text format."""
        return generate_latest(_WithoutTimes(self._registry))

    def read_sums(self) -> dict[str, int]:
        """Return what the operator's report is made of, by name; all of it only grows."""
        sums = {f"commands {outcome}": 0 for outcome in Outcome}
        sums |= {f"reports {due}": 0 for due in Due} | {"refused calls": 0}
        for (_, outcome), count in _read(self._commands):
            sums[f"commands {outcome}"] += count
        for (due,), count in _read(self._reports):
            sums[f"reports {due}"] += count
        for (_, status), count in _read(self._calls):
            sums["refused calls"] += count if status == str(_TOO_MANY) else 0
        single = {"alerts": self._alerts, "undelivered": self._lost, "storage": self._broken}
        sums |= {name: count for name, each in single.items() for _, count in _read(each)}
        sums |= {name: read() for name, read in self._others.items()}
        # A process that starts again and again is worth knowing of.
        return sums | {"starts": 1} | dict(self._read_waits())

    def _read_waits(self) -> Iterator[tuple[str, int]]:
        """Return how many answers took no longer than each bound, and how many there were."""
        for sample in next(iter(self._waits.collect())).samples:
            if sample.name.endswith("_bucket"):
                yield f"within {sample.labels['le']}", int(sample.value)


@lru_cache(maxsize=100)
def shorten_route(route: str) -> str:
    """Cut off what a route may have behind its name, such as a room's id."""
    parts = route.split("/")
    return "/".join(parts[: 3 if parts[1:2] == ["sessions"] else 2])


@dataclass(frozen=True, slots=True)
class _Table:
    name: str
    text: str
    label: str
    read: Callable[[], Mapping[str, float]]

    def collect(self) -> Iterator[Metric]:
        family = GaugeMetricFamily(self.name, self.text, labels=[self.label])
        for value, number in self.read().items():
            family.add_metric([value], number)
        yield family


@dataclass(frozen=True, slots=True)
class _Sum:
    name: str
    text: str
    read: Callable[[], int]

    def collect(self) -> Iterator[Metric]:
        yield CounterMetricFamily(self.name, self.text, self.read())


@dataclass(frozen=True, slots=True)
class _WithoutTimes:
    """Leaves out when each counter began, which doubles the text and is the start of all."""

    registry: CollectorRegistry

    def collect(self) -> Iterator[Metric]:
        for family in self.registry.collect():
            family.samples = [each for each in family.samples if not _is_birthday(each.name)]
            yield family


class _Counters:
    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def __call__(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(_name(name), text, labels, registry=self._registry)


def _make_histogram(
    registry: CollectorRegistry, name: str, text: str, bounds: Sequence[float], *labels: str
) -> Histogram:
    return Histogram(_name(name), text, labels, registry=registry, buckets=bounds)


def _read(counter: Counter) -> Iterator[tuple[tuple[str, ...], int]]:
    for sample in next(iter(counter.collect())).samples:
        if sample.name.endswith("_total"):
            yield tuple(sample.labels.values()), int(sample.value)


def _name(name: str) -> str:
    return f"session_bot_{name}"


def _classify(status: int) -> str:
    if not status:
        return "none"
    return str(status) if status == _TOO_MANY else f"{status // 100}xx"


def _is_birthday(name: str) -> bool:
    return name.endswith("_created")
