"""Scenario 6: everybody's report is due at once."""

import math
from dataclasses import dataclass

from benchmarks.arithmetic import AnswerCounts
from benchmarks.bench import Bench
from benchmarks.contestants import OURS
from benchmarks.place.plan import Plan
from benchmarks.results import NOTHING, Results, Table, Target, format_number
from benchmarks.shifts import Shift, open_database, open_database_server, open_shift

_REPORTS = 10_000
_WORKERS = (1, 2, 4)
_REPORTS_TIMEOUT_S = 600.0
_LATE = 2.0  # nobody is told twice after so much silence, in seconds
_LIMIT = 10  # calls a minute and route, the server's default
_WATCHED = 200.0  # seconds
_COUNTED = (30.0, 150.0)  # after the first report: two whole windows of the limit
_SLOW = 0.5  # how long a workspace that is not on this machine may think about a list, in seconds
_SLOWLY = 2000


@dataclass(frozen=True)
class _Course:
    """How it went: reports said, and from the first to the last seconds and CPU of all."""

    name: str
    said: int
    twice: int
    first: float
    seconds: float
    cpu: float
    place_cpu: float

    @property
    def rate(self) -> float:
        return self.said / self.seconds if self.seconds else math.nan

    @property
    def per_core(self) -> float:
        return self.said / self.cpu if self.cpu else math.nan


async def run(bench: Bench) -> Results:
    """Measure each once: a rate over thousands of reports is an average already."""
    count, slowly = bench.scaled(_REPORTS), bench.scaled(_SLOWLY)
    results, quick, slow = Results(), [], []
    quick.append(await _work_off(bench, "SQLite, 1 process", count, 1))
    with open_database_server() as server:
        for workers in _WORKERS if server else ():
            name = f"PostgreSQL, {workers} process" + ("es" if workers > 1 else "")
            with open_database(server) as database:
                quick.append(await _work_off(bench, name, count, workers, database))
            with open_database(server) as database:
                slow.append(await _work_off(bench, name, slowly, workers, database, _SLOW))
    crawl = await _watch(bench, count)
    for course in (*quick, *slow):
        asked = count if course in quick else slowly
        results.note(f"{OURS.title}, reports", AnswerCounts(asked, course.said, course.twice))
    results.tables = [
        _make_table(f"{count:,} reports due at once, no rate limit", quick, _NOTE),
        _make_table(f"{slowly:,} reports, lists take {1000 * _SLOW:.0f} ms more", slow, _SLOW_NOTE),
        _make_limited(crawl, count),
    ]
    results.targets = _make_targets(quick, slow)
    return results


async def _work_off(
    bench: Bench, name: str, count: int, workers: int, database: str = "", delay: float = 0.0
) -> _Course:
    plan = Plan(people=count)
    async with open_shift(plan, count=workers, database=database) as shift:
        if delay:
            times = 10 * count
            await shift.workspace.order(
                "slow_down", route="sessions/list", delay=delay, times=times
            )
        course = await _follow(name, shift, count, _REPORTS_TIMEOUT_S)
    slowed = f", lists {1000 * delay:.0f} ms late" if delay else ""
    bench.tell(f"  {name}{slowed}: {course.said} of {count}, {format_number(course.rate)}/s")
    return course


async def _follow(name: str, shift: Shift, count: int, timeout_s: float) -> _Course:
    started = await shift.start()
    await shift.workspace.order("hear", count=1, seconds=timeout_s)
    before = shift.cpu
    heard = await shift.workspace.order("hear", count=count, seconds=timeout_s)
    cpu = shift.cpu - before
    at: list[float] = heard.document["answers"]
    await shift.workspace.order("rest", seconds=_LATE)
    later = await shift.workspace.order("hear", count=0, seconds=1.0)
    twice = max(0, len(later.document["answers"]) - count)
    if not at:
        return _Course(name, 0, 0, math.nan, math.nan, cpu, heard.cpu)
    lasted = at[-1] - at[0]
    return _Course(name, min(len(at), count), twice, at[0] - started, lasted, cpu, heard.cpu)


@dataclass(frozen=True)
class _Crawl:
    """What the default limit leaves: reports a minute, and a person's wait in seconds."""

    reports: int
    rate: float
    wait: float


async def _watch(bench: Bench, count: int) -> _Crawl:
    """Look for a few minutes how it goes at the default limit, and how long a person waits."""
    async with open_shift(Plan(people=count, limit_calls=_LIMIT), count=1) as shift:
        await shift.start()
        await shift.workspace.order("hear", count=count, seconds=_WATCHED / 4)
        asked = await shift.workspace.order(
            "serial", text="!sessions", count=1, seconds=_REPORTS_TIMEOUT_S
        )
        heard = await shift.workspace.order("hear", count=count, seconds=3 * _WATCHED / 4)
    at: list[float] = heard.document["answers"]
    begin, end = _COUNTED
    counted = sum(begin <= each - at[0] < end for each in at)
    wait = min(asked.commands[0].replies, default=math.nan) - asked.commands[0].said_at
    crawl = _Crawl(len(at), 60 * counted / (end - begin), wait)
    bench.tell(f"  at {_LIMIT} calls a minute: {format_number(crawl.rate)} reports a minute")
    return crawl


_NOTE = (
    "From the first report to the last. “A second of CPU” is of all processes together: what "
    "one core would do if it waited for nobody. All processes share one processor here, as the "
    "workspace has the other and PostgreSQL takes its part of both, so by the clock several cannot "
    "be faster than one by more than the time in which that one waits."
)
_SLOW_NOTE = (
    "As a workspace on another machine would: most of the time is waiting, so what several "
    "processes gain is not hidden by their sharing a processor."
)


def _make_table(title: str, courses: list[_Course], note: str) -> Table:
    rows = [
        (
            each.name,
            f"{each.said:,}",
            str(each.twice),
            format_number(each.first),
            format_number(each.rate),
            format_number(each.per_core),
            format_number(1000 * each.place_cpu / max(1, each.said)),
        )
        for each in courses
    ]
    columns = (
        "",
        "made",
        "twice",
        "first after start, s",
        "a second",
        "a second of CPU",
        "workspace's CPU per report, ms",
    )
    return Table(title, columns, rows or [("no PostgreSQL here", *[NOTHING] * 6)], (note,))


def _make_limited(crawl: _Crawl, count: int) -> Table:
    hours = count / crawl.rate / 60 if crawl.rate else math.nan
    values = (crawl.rate, hours, crawl.wait)
    rows = [(str(crawl.reports), *(format_number(each) for each in values))]
    columns = (
        f"answers in {_WATCHED:.0f} s",
        "reports a minute",
        f"hours for {count:,}, extrapolated",
        "a person's `!sessions` meanwhile, s",
    )
    note = (
        f"At the server's default of {_LIMIT} calls a minute for each route and address, which no "
        "program can go beyond; a report that is more than six hours late is left out, and the "
        "next one says so."
    )
    return Table(f"The same at {_LIMIT} calls a minute", columns, rows, (note,))


def _make_targets(quick: list[_Course], slow: list[_Course]) -> list[Target]:
    targets = [Target("6", f"reports a second, {quick[0].name}", quick[0].rate, 150, is_least=True)]
    if len(quick) > 1:
        one, two = quick[1], quick[2]
        targets += [
            Target("6", f"reports a second, {one.name}", one.rate, 150, is_least=True),
            Target(
                "6",
                "two processes, by one, in two cores' worth of work",
                2 * two.per_core / one.per_core,
                1.6,
                "x",
                is_least=True,
                details="by the clock, both on one processor: "
                f"{format_number(two.rate / one.rate)} x",
            ),
            Target(
                "6",
                "two processes, by one, where lists come late",
                slow[1].rate / slow[0].rate,
                1.6,
                "x",
                is_least=True,
            ),
        ]
    return targets
