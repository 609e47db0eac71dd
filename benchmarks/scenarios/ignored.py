"""Scenario 2, second half: a few commands in the middle of much that is nothing to the bot."""

from collections import defaultdict

from benchmarks.arithmetic import count, find_delays, find_percentile, pair_ratios, spread
from benchmarks.bench import Bench, Measurement
from benchmarks.contestants import BOT_SDK, FLOOR, OURS, RCA, Contestant
from benchmarks.results import Bar, Results, Table, Target, format_number, format_spread

_FRAMES = 50_000
_COMMANDS = 100
_MICRO = 1e6
# Those who subscribe room by room do not hear the channel; those who poll do not either.
_LISTENERS = (FLOOR, OURS, RCA, BOT_SDK)


async def run(bench: Bench) -> Results:
    """Measure everybody in turn."""
    results = Results()
    costs: defaultdict[str, list[float]] = defaultdict(list)
    delays: defaultdict[str, list[float]] = defaultdict(list)
    for number, contestant in bench.alternate(_LISTENERS):
        async with bench.start_measurement(contestant) as measurement:
            cost, late = await _measure(bench, measurement, results)
        costs[contestant.name].append(cost)
        delays[contestant.name].append(late)
        bench.tell(
            f"  {number + 1}/{bench.repetitions} {contestant.title}: "
            f"{format_number(cost)} µs a frame"
        )
    results.tables = [_make_table(costs, delays)]
    results.targets = [_make_target(costs)]
    results.bars = _make_bars(costs)
    return results


async def _measure(bench: Bench, measurement: Measurement, results: Results) -> tuple[float, float]:
    """Return CPU per ignored frame, in microseconds, and the worst answer's delay, in ms."""
    text, commands = measurement.contestant.noop, bench.scaled(_COMMANDS)
    frames = bench.scaled(_FRAMES)
    within = await measurement.order("babble", text=text, count=commands, frames=frames)
    results.note(measurement.contestant.title, count(within.commands))
    worst = find_percentile(find_delays(within.commands), 1.0)
    # Commands cost more one by one than together, so they are kept out of what frames cost.
    alone = await measurement.order("burst", text=text, count=1)
    last = await measurement.order("babble", text=text, count=1, frames=frames)
    return _MICRO * (last.cpu - alone.cpu) / frames, worst


def _make_table(costs: dict[str, list[float]], delays: dict[str, list[float]]) -> Table:
    rows = [
        (
            contestant.title,
            format_spread(spread(costs[contestant.name])),
            format_spread(spread(delays[contestant.name])),
        )
        for contestant in _LISTENERS
    ]
    columns = ("", "CPU per ignored frame, µs", "slowest answer meanwhile, ms")
    note = (
        "100 commands are said in the middle of 50,000 messages in a public channel that the bot "
        "is not in, as fast as the workspace can publish them; the CPU is that of as many messages "
        "with one command, the last, whose own is taken off."
    )
    return Table("Messages that are nothing to the bot", columns, rows, (note,))


def _make_target(costs: dict[str, list[float]]) -> Target:
    own = spread(pair_ratios(costs[OURS.name], costs[RCA.name])).middle
    return Target(
        "3",
        "CPU per ignored frame, by rocketchat-async's",
        own,
        0.7,
        "x",
        details=_compare(costs, OURS, RCA),
    )


def _compare(costs: dict[str, list[float]], one: Contestant, other: Contestant) -> str:
    middles = [format_number(spread(costs[each.name]).middle) for each in (one, other)]
    return f"{middles[0]} µs to {middles[1]} µs"


def _make_bars(costs: dict[str, list[float]]) -> list[Bar]:
    bars = []
    for contestant in _LISTENERS:
        middle = spread(costs[contestant.name]).middle
        panel = "CPU for a message that is nothing to the bot (µs)"
        bars.append(Bar(panel, contestant.title, middle, format_number(middle)))
    return bars
