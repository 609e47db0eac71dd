"""`!session` at our bot and at the floor, both running all the time, a few commands each in turn.

Whatever else the machine does changes from one second to the next, and costs a larger program more
than a small one: two figures taken a quarter of a minute apart say little about each other.
"""

from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from benchmarks.arithmetic import count, find_delays, find_percentile, pair_ratios, spread
from benchmarks.bench import Bench, Trial
from benchmarks.contestants import FLOOR, OURS, Contestant
from benchmarks.findings import Findings, Table, Target, format_number, format_spread
from benchmarks.place.plan import Plan

_WARMING = 200
_BLOCK = 50  # a tenth of a second
_BLOCKS = 10
_PAIR = (FLOOR, OURS)


@dataclass
class _Figures:
    """One figure a repetition, in milliseconds."""

    p50: list[float] = field(default_factory=list)
    p99: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)


async def compare(bench: Bench, plan: Plan, findings: Findings) -> None:
    """Measure both, and add a table and the targets of the round trip to the findings."""
    figures = {each.name: _Figures() for each in _PAIR}
    for number in range(bench.repetitions):
        async with AsyncExitStack() as stack:
            trials = [await stack.enter_async_context(bench.try_out(each, plan)) for each in _PAIR]
            await _take_turns(bench, trials, figures, findings)
        told = [f"{each.title} {format_number(figures[each.name].p50[-1])} ms" for each in _PAIR]
        bench.tell(f"  {number + 1}/{bench.repetitions} in turn: {', '.join(told)}")
    findings.tables.append(_make_table(figures))
    findings.targets += [
        _make_target("p50", figures[OURS.name].p50, figures[FLOOR.name].p50, 1.5),
        _make_target("p99", figures[OURS.name].p99, figures[FLOOR.name].p99, 2.5),
    ]


async def _take_turns(
    bench: Bench, trials: list[Trial], figures: dict[str, _Figures], findings: Findings
) -> None:
    delays: dict[str, list[float]] = {each.contestant.name: [] for each in trials}
    seconds = dict.fromkeys(delays, 0.0)
    blocks = bench.scaled(_BLOCKS)
    async with AsyncExitStack() as stack:
        for trial in trials:
            await trial.order("serial", text=trial.contestant.session, count=_WARMING)
            await stack.enter_async_context(trial.asking_each_time(blocks * _BLOCK))
        for number in range(blocks):
            for trial in trials if number % 2 == 0 else trials[::-1]:
                contestant = trial.contestant
                timed = await trial.order("serial", text=contestant.session, count=_BLOCK)
                delays[contestant.name] += find_delays(timed.commands)
                seconds[contestant.name] += timed.cpu
                findings.note(contestant.title, count(timed.commands))
    for name, found in delays.items():
        figures[name].p50.append(find_percentile(found, 0.5))
        figures[name].p99.append(find_percentile(found, 0.99))
        figures[name].cpu.append(1000 * seconds[name] / max(1, len(found)))


def _make_table(figures: dict[str, _Figures]) -> Table:
    rows = [_make_row(each, figures[each.name]) for each in _PAIR]
    columns = ("", "p50, ms", "p99, ms", "its CPU per command, ms")
    return Table(f"Round trip: `!session`, {_BLOCK} commands each in turn", columns, rows)


def _make_row(contestant: Contestant, figures: _Figures) -> tuple[str, ...]:
    kinds = (figures.p50, figures.p99, figures.cpu)
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
