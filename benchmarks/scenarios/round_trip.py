"""Scenario 1: how long one command takes, from the workspace to the contestant and back."""

from collections import defaultdict
from collections.abc import AsyncIterator, Sequence

from benchmarks.arithmetic import count, find_delays, find_percentile, pair_ratios, spread
from benchmarks.bench import Bench, Measurement, Timed
from benchmarks.contestants import ALL, FLOOR, OURS, Contestant
from benchmarks.place.plan import Plan
from benchmarks.results import Bar, Results, Table, Target, format_number, format_spread
from benchmarks.scenarios.in_turn import compare

_COMMANDS = 200
_WARMING = 200  # once for everybody: a room that is new to the bot costs a call of its own, once
_DELAYED = 40
_DELAY = 0.05
_GAP = 0.005
# Each command about a session that nobody has asked about for seconds: nothing comes from memory.
_PLAN = Plan(sessions=6)
_KINDS = {
    "no-op, one after the other": "noop serial",
    "no-op, every 5 ms": "noop paced",
    "`!session`, one after the other": "session serial",
    "`!session`, every 5 ms": "session paced",
    "`!session`, upstream 50 ms late": "session delayed",
}


_Latencies = defaultdict[tuple[str, str], list[float]]


class _Notes:
    """Figures by kind and contestant, one for each repetition."""

    def __init__(self) -> None:
        self.p50: _Latencies = defaultdict(list)
        self.p99: _Latencies = defaultdict(list)
        self.cpu: _Latencies = defaultdict(list)

    def take(self, kind: str, contestant: Contestant, timed: Timed) -> None:
        delays, key = find_delays(timed.commands), (kind, contestant.name)
        self.p50[key].append(find_percentile(delays, 0.5))
        self.p99[key].append(find_percentile(delays, 0.99))
        self.cpu[key].append(1000 * timed.cpu / max(1, len(delays)))


async def run(bench: Bench) -> Results:
    """Measure everybody in turn."""
    notes, results = _Notes(), Results()
    for number, contestant in bench.alternate(ALL):
        async with bench.start_measurement(contestant, _PLAN) as measurement:
            async for kind, timed in _measure(bench, measurement):
                notes.take(kind, contestant, timed)
                results.note(contestant.title, count(timed.commands))
        _tell(bench, notes, number, contestant)
    results.tables = [_make_table(title, kind, notes) for title, kind in _KINDS.items()]
    await compare(bench, _PLAN, results)
    results.targets.append(_make_target(notes))
    results.bars = _make_bars(notes)
    return results


async def _measure(bench: Bench, measurement: Measurement) -> AsyncIterator[tuple[str, Timed]]:
    contestant = measurement.contestant
    async for kind, timed in _ask(bench, measurement, contestant.noop):
        yield f"noop {kind}", timed
    if not contestant.session:
        return
    async with measurement.asking_each_time(2 * bench.scaled(_COMMANDS)):
        async for kind, timed in _ask(bench, measurement, contestant.session):
            yield f"session {kind}", timed
    if contestant in {OURS, FLOOR}:
        delayed = bench.scaled(_DELAYED)
        late = {"route": "sessions/info", "delay": _DELAY}
        await measurement.order("slow_down", **late, times=delayed)
        async with measurement.asking_each_time(delayed):
            timed = await measurement.order("serial", text=contestant.session, count=delayed)
        yield "session delayed", timed


async def _ask(
    bench: Bench, measurement: Measurement, text: str
) -> AsyncIterator[tuple[str, Timed]]:
    contestant, commands = measurement.contestant, bench.scaled(_COMMANDS)
    if not contestant.is_poller:
        await measurement.order("serial", text=text, count=_WARMING)
    serial = min(commands, contestant.most_serial)
    yield "serial", await measurement.order("serial", text=text, count=serial)
    if not contestant.is_poller:
        yield "paced", await measurement.order("paced", text=text, count=commands, gap=_GAP)


def _tell(bench: Bench, notes: _Notes, number: int, contestant: Contestant) -> None:
    latencies = [
        f"{kind} {format_number(notes.p50[kind, contestant.name][-1])} ms"
        for kind in _KINDS.values()
        if notes.p50[kind, contestant.name]
    ]
    bench.tell(f"  {number + 1}/{bench.repetitions} {contestant.title}: {', '.join(latencies)}")


def _make_table(title: str, kind: str, notes: _Notes) -> Table:
    rows: list[Sequence[str]] = []
    for contestant in ALL:
        key = (kind, contestant.name)
        if notes.p50[key]:
            latencies = (notes.p50[key], notes.p99[key], notes.cpu[key])
            rows.append((contestant.title, *(format_spread(spread(each)) for each in latencies)))
    columns = ("", "p50, ms", "p99, ms", "its CPU per command, ms")
    return Table(f"Round trip: {title}", columns, rows)


def _make_target(notes: _Notes) -> Target:
    ours, floor = (notes.p50["session delayed", each.name] for each in (OURS, FLOOR))
    middles = [format_number(spread(each).middle) for each in (ours, floor)]
    return Target(
        "1",
        "`!session` with 50 ms upstream, p50, by the floor's",
        spread(pair_ratios(ours, floor)).middle,
        1.05,
        "x",
        details=f"{middles[0]} ms to {middles[1]} ms",
    )


def _make_bars(notes: _Notes) -> list[Bar]:
    bars = []
    panels = {
        "session serial": "!session, answered after (ms)",
        "noop serial": "No-op command, answered after (ms)",
    }
    for kind, panel in panels.items():
        for contestant in ALL:
            if (values := notes.p50[kind, contestant.name]) and not contestant.is_poller:
                middle = spread(values).middle
                bars.append(Bar(panel, contestant.title, middle, format_number(middle)))
    return bars
