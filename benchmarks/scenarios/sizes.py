"""Scenario 3: how long it takes from the start to the first answer, in how many rooms."""

from collections import defaultdict

from benchmarks.arithmetic import pair_ratios, spread
from benchmarks.bench import Bench, Measurement
from benchmarks.contestants import ALL, OURS, Contestant
from benchmarks.place.plan import Plan
from benchmarks.results import NOTHING, Results, Table, Target, format_number, format_spread

_ROOMS = (10, 2000, 10_000)
_LIMITS = (None, 10)
_PEOPLE = 1  # or the calls for each who asked before it heard would be counted, too
_ANSWER_TIMEOUT_S = 20.0
_GAP = 0.02  # so often is it tried whether the bot hears, in seconds
_SILENCE = 1.0  # seconds after which whatever belongs to the start is done
_ANSWERING = "/api/v1/chat.sendMessage"
_Key = tuple[str, int, int | None]


async def run(bench: Bench) -> Results:
    """Try our bot in each repetition and the others once: most of what they do is not to start."""
    first: defaultdict[_Key, list[float]] = defaultdict(list)
    calls: defaultdict[_Key, list[int]] = defaultdict(list)
    for number in range(bench.repetitions):
        for contestant in ALL if number == 0 else (OURS,):
            for rooms in _ROOMS:
                for limit in _LIMITS:
                    key = (contestant.name, rooms, limit)
                    plan = Plan(people=_PEOPLE, channels=rooms - _PEOPLE, limit_calls=limit)
                    async with bench.open_measurement(contestant, plan) as measurement:
                        first[key].append(await _start(measurement))
                        if limit is None:
                            calls[key].append(await _count_calls(measurement))
            bench.tell(f"  {number + 1}/{bench.repetitions} {_describe(contestant, first)}")
    results = Results()
    results.tables = [_make_table(first, calls)]
    results.targets = [_make_target(first, limit) for limit in _LIMITS]
    results.targets.append(_make_promise(calls))
    return results


async def _start(measurement: Measurement) -> float:
    """Return the seconds until the first answer, endless without one."""
    await measurement.program.start()
    try:
        return await measurement.wake(_ANSWER_TIMEOUT_S, _GAP) - measurement.program.started_at
    except TimeoutError:
        return float("inf")


async def _count_calls(measurement: Measurement) -> int:
    """Count the REST calls but for the answers, whose number is that of the questions."""
    await measurement.workspace.order("rest", seconds=_SILENCE)
    heard = await measurement.workspace.order("count_calls")
    calls: dict[str, int] = heard.document["calls"]
    return sum(count for path, count in calls.items() if path != _ANSWERING)


def _describe(contestant: Contestant, first: dict[_Key, list[float]]) -> str:
    latest = [
        format_number(first[contestant.name, rooms, limit][-1])
        for limit in _LIMITS
        for rooms in _ROOMS
    ]
    return f"{contestant.title}: {', '.join(latest)} s"


def _make_table(first: dict[_Key, list[float]], calls: dict[_Key, list[int]]) -> Table:
    columns = [
        f"{rooms:,} rooms" + (f", {limit} calls a minute" if limit else "")
        for limit in _LIMITS
        for rooms in _ROOMS
    ]
    rows = []
    for contestant in ALL:
        keys = [(contestant.name, rooms, limit) for limit in _LIMITS for rooms in _ROOMS]
        most = max(max(calls[key]) for key in keys if key in calls)
        rows.append((contestant.title, *(_format(first[key]) for key in keys), str(most)))
    note = (
        f"Seconds from the program's start; {NOTHING} is no answer in {_ANSWER_TIMEOUT_S:.0f} s. "
        "A room is a channel that the bot is in. The last column is the most REST calls that were "
        "made without a limit until all was still, answers not counted."
    )
    title = "From the start to the first answer, in seconds"
    return Table(title, ("", *columns, "REST calls"), rows, (note,))


def _format(seconds: list[float]) -> str:
    return NOTHING if float("inf") in seconds else format_spread(spread(seconds))


def _make_target(first: dict[_Key, list[float]], limit: int | None) -> Target:
    many, few = (first[OURS.name, rooms, limit] for rooms in (_ROOMS[-1], _ROOMS[0]))
    return Target(
        "4",
        f"first answer with {_ROOMS[-1]:,} rooms, by that with {_ROOMS[0]}"
        + (f", {limit} calls a minute" if limit else ""),
        spread(pair_ratios(many, few)).middle,
        1.2,
        "x",
        details=f"{format_number(spread(many).middle)} s to {format_number(spread(few).middle)} s",
    )


def _make_promise(calls: dict[_Key, list[int]]) -> Target:
    many, few = (spread(calls[OURS.name, rooms, None]) for rooms in (_ROOMS[-1], _ROOMS[0]))
    return Target(
        "4",
        f"REST calls more with {_ROOMS[-1]:,} rooms than with {_ROOMS[0]}",
        many.middle - few.middle,
        0,
        details=f"{few.middle:.0f} in either, answers not counted; nothing is asked per room",
    )
