"""`!session` at our bot and at the floor, both running all the time, a few commands each in turn.

Whatever else the machine does changes from one second to the next, and costs a larger program more
than a small one: two figures taken a quarter of a minute apart say little about each other.
"""

from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from benchmarks.arithmetic import count, find_delays, find_percentile, pair_ratios, spread
from benchmarks.bench import Bench, Measurement
from benchmarks.contestants import FLOOR, OURS, Contestant
from benchmarks.place.plan import Plan
from benchmarks.results import Results, Table, Target, format_number, format_spread

_WARMING = 200
_BLOCK = 50  # a tenth of a second
_BLOCKS = 10
_PAIR = (FLOOR, OURS)


@dataclass
class _Latencies:
    """One figure a repetition, in milliseconds."""

    p50: list[float] = field(default_factory=list)
    p99: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)


async def compare(bench: Bench, plan: Plan, results: Results) -> None:
    """Measure both, and add a table and the targets of the round trip to the findings."""
    latencies = {each.name: _Latencies() for each in _PAIR}
    for number in range(bench.repetitions):
        async with AsyncExitStack() as stack:
            measurements = [
                await stack.enter_async_context(bench.start_measurement(each, plan))
                for each in _PAIR
            ]
            await _alternate(bench, measurements, latencies, results)
        told = [f"{each.title} {format_number(latencies[each.name].p50[-1])} ms" for each in _PAIR]
        bench.tell(f"  {number + 1}/{bench.repetitions} in turn: {', '.join(told)}")
    results.tables.append(_make_table(latencies))
    results.targets += [
        _make_target("p50", latencies[OURS.name].p50, latencies[FLOOR.name].p50, 1.5),
        _make_target("p99", latencies[OURS.name].p99, latencies[FLOOR.name].p99, 2.5),
    ]


async def _alternate(
    bench: Bench,
    measurements: list[Measurement],
    latencies: dict[str, _Latencies],
    results: Results,
) -> None:
    delays: dict[str, list[float]] = {each.contestant.name: [] for each in measurements}
    seconds = dict.fromkeys(delays, 0.0)
    blocks = bench.scaled(_BLOCKS)
    async with AsyncExitStack() as stack:
        for measurement in measurements:
            await measurement.order("serial", text=measurement.contestant.session, count=_WARMING)
            await stack.enter_async_context(measurement.asking_each_time(blocks * _BLOCK))
        for number in range(blocks):
            for measurement in measurements if number % 2 == 0 else measurements[::-1]:
                contestant = measurement.contestant
                timed = await measurement.order("serial", text=contestant.session, count=_BLOCK)
                delays[contestant.name] += find_delays(timed.commands)
                seconds[contestant.name] += timed.cpu
                results.note(contestant.title, count(timed.commands))
    for name, found in delays.items():
        latencies[name].p50.append(find_percentile(found, 0.5))
        latencies[name].p99.append(find_percentile(found, 0.99))
        latencies[name].cpu.append(1000 * seconds[name] / max(1, len(found)))


def _make_table(latencies: dict[str, _Latencies]) -> Table:
    rows = [_make_row(each, latencies[each.name]) for each in _PAIR]
    columns = ("", "p50, ms", "p99, ms", "its CPU per command, ms")
    return Table(f"Round trip: `!session`, {_BLOCK} commands each in turn", columns, rows)


def _make_row(contestant: Contestant, latencies: _Latencies) -> tuple[str, ...]:
    kinds = (latencies.p50, latencies.p99, latencies.cpu)
    return (contestant.title, *(format_spread(spread(each)) for each in kinds))


def _make_target(figure: str, ours: list[float], floor: list[float], limit: float) -> Target:
    ratios = spread(pair_ratios(ours, floor))
    middles = [format_number(spread(each).middle) for each in (ours, floor)]
    return Target(
        "1",
        f"`!session` round trip, {figure}, by the floor's",
        ratios.middle,
        limit,
        "x",
        details=f"{middles[0]} ms to {middles[1]} ms; ratios {format_spread(ratios)}",
    )
