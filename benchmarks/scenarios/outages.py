"""Scenario 4: the connection ends, goes silent, or the bot itself is killed."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from time import monotonic

from benchmarks.arithmetic import AnswerCounts, Command, count, spread
from benchmarks.bench import Bench, Measurement
from benchmarks.contestants import ALL, OURS, Contestant
from benchmarks.place.plan import Plan
from benchmarks.results import Results, Table, Target, format_spread

_GAP_COMMANDS = 10
_OUTAGE = 3.0
_AWAY = 2.0
_RECOVERY_TIMEOUTS_S = {"outage": 60.0, "half-open": 75.0, "close": 60.0, "kill": 60.0}
_TITLES = {
    "outage": "Away for 3 s (503)",
    "half-open": "Link half-open",
    "close": "Closed cleanly (1001)",
    "kill": "Killed, started again after 2 s",
}
_STARTS_AT_A_TIME = 3
# To wait costs nothing, but who starts or connects again should have the machine.
_AT_A_TIME = {"outage": 100, "half-open": 100, "close": 2, "kill": 2}
_WAKE_GAP_S = 0.25  # slow enough for every contestant's limit on replies


@dataclass
class _Course:
    """How it went: seconds until it heard again, what was said in the gap, how often it ended."""

    back: list[float] = field(default_factory=list)
    counted: AnswerCounts = field(default_factory=AnswerCounts)
    ends: int = 0


@dataclass(frozen=True)
class _Pace:
    """Who has to wait for whom: all start a few at a time, and what happens may be staggered."""

    starting: asyncio.Semaphore
    together: asyncio.Barrier
    happening: dict[str, asyncio.Semaphore]


_Courses = dict[str, _Course]


async def run(bench: Bench) -> Results:
    """Let everything happen to everybody, at the same time: what is timed takes seconds."""
    results = Results()
    courses: dict[tuple[str, str], _Course] = {}
    for contestant, found in await _try_all(bench):
        for kind, course in found.items():
            known = courses.setdefault((kind, contestant.name), _Course())
            known.back += course.back
            known.counted += course.counted
            known.ends += course.ends
            results.note(contestant.title, course.counted)
    results.tables = [_make_table(kind, courses) for kind in _HAPPENINGS]
    results.targets = _make_targets(courses)
    return results


def _list_contestants(bench: Bench) -> list[Contestant]:
    """Our bot as often as everything is repeated, the others once: they do it or do not."""
    return [OURS] * bench.repetitions + [each for each in ALL if each is not OURS]


async def _try_all(bench: Bench) -> list[tuple[Contestant, _Courses]]:
    order = _list_contestants(bench)
    happening = {kind: asyncio.Semaphore(most) for kind, most in _AT_A_TIME.items()}
    starting, together = asyncio.Semaphore(_STARTS_AT_A_TIME), asyncio.Barrier(len(order))
    pace = _Pace(starting, together, happening)
    async with asyncio.TaskGroup() as tasks:
        tried = [tasks.create_task(_try(bench, each, pace)) for each in order]
    return [each.result() for each in tried]


async def _try(bench: Bench, contestant: Contestant, pace: _Pace) -> tuple[Contestant, _Courses]:
    courses: _Courses = {}
    async with AsyncExitStack() as stack:
        async with pace.starting:
            trying = bench.start_measurement(contestant, Plan(people=45), is_pinned=False)
            measurement = await stack.enter_async_context(trying)
        await stack.enter_async_context(measurement.program.supervised())
        for kind in _HAPPENINGS:
            # Nobody's start or catching up should slow down what happens to another.
            await pace.together.wait()
            async with pace.happening[kind]:
                courses[kind] = await _let_happen(measurement, kind)
            bench.tell(f"  {_TITLES[kind]}, {contestant.title}: {_describe(courses[kind])}")
    return contestant, courses


async def _let_happen(measurement: Measurement, kind: str) -> _Course:
    course, ends = _Course(), measurement.program.ends
    since, said = await _HAPPENINGS[kind](measurement)
    with suppress(TimeoutError):
        course.back = [await measurement.wake(_RECOVERY_TIMEOUTS_S[kind], _WAKE_GAP_S) - since]
    course.counted = await _look_at(measurement, said)
    course.ends = measurement.program.ends - ends - (kind == "kill")
    return course


async def _look_at(measurement: Measurement, said: Sequence[Command]) -> AnswerCounts:
    heard = await measurement.workspace.wait(said, 5.0)
    await measurement.workspace.order("rest", seconds=0.5)
    ids = [each.id for each in heard.commands]
    return count((await measurement.workspace.order("look", ids=ids)).commands)


def _describe(course: _Course) -> str:
    back = f"hears again after {course.back[0]:.1f} s" if course.back else "stays deaf"
    return f"{back}, {course.counted.answered} of {course.counted.said} answered"


_Happening = Callable[[Measurement], Awaitable[tuple[float, Sequence[Command]]]]


async def _be_away(measurement: Measurement) -> tuple[float, Sequence[Command]]:
    heard = await measurement.workspace.order(
        "outage",
        kind="UNAVAILABLE",
        lasting=_OUTAGE,
        text=measurement.contestant.noop,
        count=_GAP_COMMANDS,
    )
    return monotonic(), heard.commands


async def _cut(measurement: Measurement, how: str) -> tuple[float, Sequence[Command]]:
    cut = await measurement.workspace.order("cut", how=how)
    said = await measurement.workspace.order(
        "say", text=measurement.contestant.noop, count=_GAP_COMMANDS
    )
    return cut.document["at"], said.commands


async def _close(measurement: Measurement) -> tuple[float, Sequence[Command]]:
    return await _cut(measurement, "close")


async def _hang(measurement: Measurement) -> tuple[float, Sequence[Command]]:
    return await _cut(measurement, "hang")


async def _kill(measurement: Measurement) -> tuple[float, Sequence[Command]]:
    measurement.program.restarts_after = _AWAY
    await measurement.program.kill()
    said = await measurement.workspace.order(
        "say", text=measurement.contestant.noop, count=_GAP_COMMANDS
    )
    await asyncio.sleep(_AWAY)
    return monotonic(), said.commands


# The last is what a contestant may not come back from.
_HAPPENINGS: dict[str, _Happening] = {
    "close": _close,
    "kill": _kill,
    "outage": _be_away,
    "half-open": _hang,
}


def _make_table(kind: str, courses: dict[tuple[str, str], _Course]) -> Table:
    rows = []
    for contestant in ALL:
        course = courses[kind, contestant.name]
        back = (
            format_spread(spread(course.back))
            if course.back
            else f"not in {_RECOVERY_TIMEOUTS_S[kind]:g}"
        )
        counted = course.counted
        answered = f"{counted.answered} of {counted.said}"
        rows.append((contestant.title, answered, str(counted.twice), back, str(course.ends)))
    columns = ("", "gap answered", "twice", "hears again after, s", "times it ended")
    return Table(f"{_TITLES[kind]}", columns, rows)


def _make_targets(courses: dict[tuple[str, str], _Course]) -> list[Target]:
    own = {kind: courses[kind, OURS.name] for kind in _HAPPENINGS}
    total = sum((course.counted for course in own.values()), AnswerCounts())
    silent, closed = own["half-open"], own["close"]
    return [
        Target(
            "5",
            "commands of the gap answered, in percent",
            100 * total.answered / max(1, total.said),
            100,
            "%",
            is_least=True,
        ),
        Target("5", "commands of the gap answered twice", float(total.twice), 0),
        Target("5", "hears again on a half-open link", max(silent.back, default=999), 45, "s"),
        Target("5", "hears again after a clean close", max(closed.back, default=999), 2, "s"),
    ]
