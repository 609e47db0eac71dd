"""Scenario 7: how long it takes to start, and how much memory it keeps."""

import tempfile
from collections import defaultdict
from pathlib import Path

from benchmarks.arithmetic import spread
from benchmarks.bench import Bench, Measurement
from benchmarks.contestants import ALL, OURS
from benchmarks.crowds import connect_strangers
from benchmarks.ours import PROGRAM, connect_everybody, write_config
from benchmarks.place.plan import Plan
from benchmarks.program import Program
from benchmarks.results import Bar, Results, Table, Target, format_number, format_spread
from benchmarks.workspace import open_workspace

_PEOPLE = 10
_ACCOUNTS = 100_000
_GAP = 0.02
_CALM = 5.0  # seconds after the first answer at which memory is looked at
_MANY = "with many accounts"


async def run(bench: Bench) -> Results:
    """Measure everybody in turn, our bot also with very many connected accounts."""
    started: defaultdict[str, list[float]] = defaultdict(list)
    memory: defaultdict[str, list[float]] = defaultdict(list)
    for number, contestant in bench.alternate(ALL):
        async with bench.open_measurement(contestant, Plan(people=_PEOPLE)) as measurement:
            await _measure(measurement, contestant.name, started, memory)
        if contestant is OURS:
            await _measure_many(started, memory)
        bench.tell(
            f"  {number + 1}/{bench.repetitions} {contestant.title}: "
            f"{format_number(started[contestant.name][-1])} s, "
            f"{format_number(memory[contestant.name][-1])} MiB"
        )
    results = Results()
    results.tables = [_make_table(started, memory)]
    results.targets = _make_targets(started, memory)
    results.bars = _make_bars(memory)
    return results


async def _measure(
    measurement: Measurement,
    name: str,
    started: dict[str, list[float]],
    memory: dict[str, list[float]],
) -> None:
    await measurement.program.start()
    started[name].append(await measurement.wake(gap=_GAP) - measurement.program.started_at)
    await measurement.workspace.order("rest", seconds=_CALM)
    memory[name].append(measurement.program.memory)


async def _measure_many(started: dict[str, list[float]], memory: dict[str, list[float]]) -> None:
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        async with open_workspace(Plan(people=_PEOPLE)) as workspace:
            config = write_config(workspace.site, folder)
            await connect_everybody(config, workspace.site)
            await connect_strangers(config, _ACCOUNTS)
            program = Program([PROGRAM, "run", "--config", str(config)], folder)
            try:
                await _measure(Measurement(OURS, workspace, program), _MANY, started, memory)
            finally:
                await program.end()


def _make_table(started: dict[str, list[float]], memory: dict[str, list[float]]) -> Table:
    titles = {each.name: each.title for each in ALL}
    titles[_MANY] = f"{OURS.title}, {_ACCOUNTS:,} connected accounts"
    rows = [
        (title, format_spread(spread(started[name])), format_spread(spread(memory[name])))
        for name, title in titles.items()
    ]
    note = (
        "The first answer is to a no-op command that is said every 20 ms, so it counts everything "
        f"that a start takes. Memory is what is resident {_CALM:.0f} s later."
    )
    columns = ("", "from the start to the first answer, s", "memory at rest, MiB")
    return Table("Start and memory", columns, rows, (note,))


def _make_targets(started: dict[str, list[float]], memory: dict[str, list[float]]) -> list[Target]:
    idle = spread(memory[OURS.name]).middle
    many = spread(memory[_MANY]).middle
    return [
        Target("7", "memory at rest", idle, 70, "MiB"),
        Target("7", f"memory more with {_ACCOUNTS:,} accounts", many - idle, 15, "MiB"),
        Target(
            "7",
            "start to the first answer",
            spread(started[OURS.name]).middle,
            1.2,
            "s",
            details=f"{format_number(spread(started[_MANY]).middle)} s with those accounts",
        ),
    ]


def _make_bars(memory: dict[str, list[float]]) -> list[Bar]:
    bars = []
    for contestant in ALL:
        middle = spread(memory[contestant.name]).middle
        bars.append(Bar("Memory at rest (MiB)", contestant.title, middle, format_number(middle)))
    return bars
