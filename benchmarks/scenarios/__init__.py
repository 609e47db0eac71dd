"""What is measured: each scenario is a module with ``run(bench) -> Findings``, and stands here."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from benchmarks.bench import Bench
from benchmarks.results import Results
from benchmarks.scenarios import (
    alerts,
    bursts,
    footprint,
    ignored,
    outages,
    reports,
    resends,
    round_trip,
    sizes,
)


@dataclass(frozen=True)
class Scenario:
    """A scenario and what it is about."""

    title: str
    run: Callable[[Bench], Awaitable[Results]]


SCENARIOS = {
    "roundtrip": Scenario("one command at a time", round_trip.run),
    "burst": Scenario("many commands at once", bursts.run),
    "ignored": Scenario("messages that are nothing to the bot", ignored.run),
    "outage": Scenario("connections that end, and a bot that is killed", outages.run),
    "resend": Scenario("commands that are published again", resends.run),
    "sizes": Scenario("workspaces of different sizes", sizes.run),
    "reports": Scenario("reports that are due at once", reports.run),
    "alerts": Scenario("sign-ins with new devices", alerts.run),
    "footprint": Scenario("start and memory", footprint.run),
}
