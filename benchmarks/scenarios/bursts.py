"""Scenario 2, first half: many commands at once."""

from collections import defaultdict
from collections.abc import Sequence

from benchmarks.arithmetic import (
    AnswerCounts,
    count,
    find_delays,
    find_percentile,
    find_rate,
    pair_ratios,
    spread,
)
from benchmarks.bench import Bench, Timed
from benchmarks.contestants import ALL, FLOOR, OURS, ROCKETBOTTE, Contestant
from benchmarks.place.plan import Plan
from benchmarks.results import Bar, Results, Table, Target, format_number, format_spread

_SIZES = {"noop": (500, 2000), "session": (2000,)}
# Each command about another session, so that nothing is answered from memory.
_PLAN = Plan(people=400, sessions=6)
_ANSWER_TIMEOUT_S = 5.0
_Key = tuple[str, int, str]


class _Notes:
    """Figures by command, size and contestant, one for each repetition."""

    def __init__(self) -> None:
        self.rates: defaultdict[_Key, list[float]] = defaultdict(list)
        self.one_core: defaultdict[_Key, list[float]] = defaultdict(list)
        self.last: defaultdict[_Key, list[float]] = defaultdict(list)
        self.memory: defaultdict[_Key, list[float]] = defaultdict(list)
        self.answer_counts: defaultdict[_Key, AnswerCounts] = defaultdict(AnswerCounts)
        self.place_cpu: defaultdict[_Key, list[float]] = defaultdict(list)

    def take(self, key: _Key, timed: Timed, memory: float) -> None:
        delays, counted = find_delays(timed.commands), count(timed.commands)
        self.rates[key].append(find_rate(timed.commands))
        self.one_core[key].append(counted.answered / timed.cpu if timed.cpu else 0.0)
        self.place_cpu[key].append(1000 * timed.heard.cpu / max(1, counted.answered))
        self.last[key].append(find_percentile(delays, 0.99))
        self.memory[key].append(memory)
        self.answer_counts[key] += counted


async def run(bench: Bench) -> Results:
    """Measure everybody in turn."""
    notes, results = _Notes(), Results()
    for number, contestant in bench.alternate(ALL):
        async with bench.start_measurement(contestant, _PLAN) as measurement:
            for word, size, text in _list_bursts(contestant):
                commands = bench.scaled(size)
                asking = measurement.asking_each_time(commands if word == "session" else 0)
                async with asking:
                    timed = await measurement.order(
                        "burst", text=text, count=commands, seconds=_ANSWER_TIMEOUT_S
                    )
                # What comes twice comes soon after.
                await measurement.workspace.order("rest", seconds=0.3)
                looked = await measurement.workspace.order(
                    "look", ids=[e.id for e in timed.commands]
                )
                results.note(contestant.title, count(looked.commands))
                notes.take((word, size, contestant.name), timed, measurement.program.memory)
        _tell(bench, notes, number, contestant)
    results.tables = [
        _make_table(word, size, notes) for word, sizes in _SIZES.items() for size in sizes
    ]
    results.targets, results.bars = _make_targets(notes), _make_bars(notes)
    return results


def _list_bursts(contestant: Contestant) -> list[tuple[str, int, str]]:
    texts = {"noop": contestant.noop, "session": contestant.session}
    return [
        (word, size, texts[word])
        for word, sizes in _SIZES.items()
        for size in sizes
        if texts[word] and size <= contestant.most_burst
    ]


def _tell(bench: Bench, notes: _Notes, number: int, contestant: Contestant) -> None:
    parts = [
        f"{word} x{size} {format_number(notes.rates[key][-1])}/s"
        for word, size, _ in _list_bursts(contestant)
        if notes.rates[key := (word, size, contestant.name)]
    ]
    bench.tell(f"  {number + 1}/{bench.repetitions} {contestant.title}: {', '.join(parts)}")


def _make_table(word: str, size: int, notes: _Notes) -> Table:
    rows: list[Sequence[str]] = []
    for contestant in ALL:
        key = (word, size, contestant.name)
        if not notes.rates[key]:
            continue
        measures = (notes.rates, notes.one_core, notes.last, notes.memory, notes.place_cpu)
        counted = notes.answer_counts[key]
        rows.append(
            (
                contestant.title,
                f"{counted.lost} of {counted.said}",
                str(counted.twice),
                *(format_spread(spread(each[key])) for each in measures),
            )
        )
    title = "no-op" if word == "noop" else "`!session`"
    columns = (
        "",
        "lost",
        "twice",
        "answers a second",
        "a second of its CPU",
        "p99, ms",
        "memory, MiB",
        "workspace's CPU per command, ms",
    )
    note = (
        "“A second of its CPU” is what one core would do if it waited for nobody: in a burst "
        "the simulated workspace is as busy as the contestant, so answers a second says how fast "
        "both are together."
    )
    return Table(f"Burst of {size} commands: {title}", columns, rows, (note,))


def _make_targets(notes: _Notes) -> list[Target]:
    ours, floor = (("session", 2000, each.name) for each in (OURS, FLOOR))
    core = pair_ratios(notes.one_core[ours], notes.one_core[floor])
    clock = pair_ratios(notes.rates[ours], notes.rates[floor])
    noop, rival = (("noop", 2000, each.name) for each in (OURS, ROCKETBOTTE))
    lost = sum(counted.lost for key, counted in notes.answer_counts.items() if key[2] == OURS.name)
    details = f"by the clock, both sharing the workspace: {format_number(spread(clock).middle)} x"
    return [
        Target(
            "2",
            "`!session` in a burst on one core, by the floor's",
            spread(core).middle,
            0.6,
            "x",
            is_least=True,
            details=details,
        ),
        Target(
            "2",
            "no-op in a burst, answers a second, by rocketbotte's",
            spread(pair_ratios(notes.rates[noop], notes.rates[rival])).middle,
            1.0,
            "x",
            is_least=True,
            details="errbot's Rocket.Chat backend cannot be installed from a registry",
        ),
        Target("2", "commands lost in bursts", float(lost), 0),
    ]


def _make_bars(notes: _Notes) -> list[Bar]:
    bars = []
    panel = "Burst of 2,000 no-op commands, answers a second (more is better)"
    for contestant in ALL:
        if values := notes.rates["noop", 2000, contestant.name]:
            middle = spread(values).middle
            bars.append(Bar(panel, contestant.title, middle, format_number(middle)))
    return bars
