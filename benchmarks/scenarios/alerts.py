"""Scenario 8: how soon somebody hears of a sign-in with a new device."""

import asyncio
import math
from dataclasses import dataclass

from benchmarks.arithmetic import Command, find_delays, find_percentile
from benchmarks.bench import Bench, Measurement
from benchmarks.contestants import OURS
from benchmarks.place.plan import WAKERS, Plan
from benchmarks.results import Results, Table, Target, format_number

_SPEAKERS = 60  # who ask meanwhile, and have nothing to do with the sign-ins
_PEOPLE = 60
_WITHIN_S = 30.0
_ONLINE = 20
_PERIODIC_TIMEOUT_S = 330.0  # one interval of the checks by the clock, and a bit
_MANY = 1000
_LIMITS = (10, 100, 1000)
_MINUTE_S = 60.0
_PAUSE_S = 61.0  # nobody is checked twice in a minute
_NO_LIMIT = 1_000_000
_QUESTION = "!sessions"
_QUESTIONS = 4
_GAP_S = 25.0  # at ten calls a minute people alone must not use the limit up


@dataclass(frozen=True)
class _Rush:
    """Many sign-ins at one limit: alerts within a minute, and a person's answer in ms."""

    limit: int
    alerted: int
    quiet: float
    busy: float


async def run(bench: Bench) -> Results:
    """Measure each once: every figure is over many sign-ins already."""
    results = Results()
    people, online = bench.scaled(_PEOPLE), bench.scaled(_ONLINE)
    async with bench.start_measurement(OURS, _make_plan(people)) as measurement:
        await _turn_on(measurement)
        offline, _ = await _sign_in(measurement, people, _WITHIN_S, 10.0)
        bench.tell(f"  offline before: p95 {format_number(find_percentile(offline, 0.95))} s")
        await asyncio.sleep(_PAUSE_S)
        periodic, _ = await _sign_in(measurement, online, 1.0, _PERIODIC_TIMEOUT_S)
        bench.tell(f"  online before: p95 {format_number(find_percentile(periodic, 0.95))} s")
    many = bench.scaled(_MANY)
    rushes = [await _rush(bench, many, limit) for limit in _LIMITS]
    results.tables = [_make_table(offline, periodic), _make_rush_table(rushes, many)]
    results.targets = _make_targets(offline, rushes)
    return results


def _make_plan(people: int) -> Plan:
    return Plan(people=WAKERS + _SPEAKERS + people, version="8.3", limit_calls=_NO_LIMIT)


async def _turn_on(measurement: Measurement) -> None:
    """Turn alerts on for all but the wakers, and wait until each may be checked again."""
    count = len(measurement.workspace.site.people) - WAKERS
    await measurement.order("burst", text="!alerts on", count=count)
    await asyncio.sleep(_PAUSE_S)


async def _sign_in(
    measurement: Measurement, count: int, within: float, seconds: float, questions: int = 0
) -> tuple[list[float], list[Command]]:
    """Let people sign in while others ask.

    Returns the seconds until each alert, endless where none came, and the questions.
    """
    asking = {"text": _QUESTION, "questions": questions, "gap": _GAP_S}
    signing_in = await measurement.order("sign_in", count=count, within=within, **asking)
    since = signing_in.heard.document["signed_in"]
    heard = await measurement.order("hear_in", since=since, seconds=seconds)
    delays = [
        math.inf if at is None else at - signed_in_at
        for (_, signed_in_at), at in zip(since, heard.heard.document["heard"], strict=True)
    ]
    return delays, list(signing_in.commands)


async def _rush(bench: Bench, many: int, limit: int) -> _Rush:
    """Let many sign in within a minute at a limit, while others ask for their lists."""
    async with bench.start_measurement(OURS, _make_plan(many)) as measurement:
        await _turn_on(measurement)
        await measurement.order("limit", calls=limit)
        asking = await measurement.order(
            "paced", text=_QUESTION, count=_QUESTIONS, gap=_GAP_S, seconds=2 * _MINUTE_S
        )
        quiet = find_percentile(find_delays(asking.commands), 0.5)
        delays, asked = await _sign_in(measurement, many, _MINUTE_S, 1.0, _QUESTIONS)
        busy = find_percentile(find_delays(asked), 0.5)
    alerted = sum(delay <= _MINUTE_S for delay in delays)
    bench.tell(
        f"  {limit} calls a minute: {alerted} of {many} within a minute, `!sessions` "
        f"{format_number(busy)} ms, quiet {format_number(quiet)} ms"
    )
    return _Rush(limit, alerted, quiet, busy)


def _make_table(offline: list[float], periodic: list[float]) -> Table:
    rows = [
        (title, str(len(delays)), *_format(delays))
        for title, delays in (("offline before", offline), ("online already", periodic))
    ]
    note = (
        "From the sign-in to the alert in the room, without a rate limit. Rocket.Chat does not "
        "tell of a second device of somebody who is online: the checks by the clock find it."
    )
    columns = ("", "sign-ins", "p50, s", "p95, s", "slowest, s")
    return Table("From a sign-in to the alert", columns, rows, (note,))


def _format(delays: list[float]) -> tuple[str, str, str]:
    p50, p95, most = (find_percentile(delays, share) for share in (0.5, 0.95, 1.0))
    return format_number(p50), format_number(p95), format_number(most)


def _make_rush_table(rushes: list[_Rush], many: int) -> Table:
    rows = [
        (
            f"{each.limit:,}",
            f"{each.alerted:,}",
            format_number(each.quiet),
            format_number(each.busy),
        )
        for each in rushes
    ]
    note = (
        "A check and a question cost one call of the same route, and every alert one of the bot's "
        "own, so the limit is the most that anybody could do in a minute. A person asks every "
        f"{_GAP_S:.0f} s."
    )
    columns = (
        "calls a minute and route",
        "alerted within a minute",
        "`!sessions` quiet, ms",
        "meanwhile, ms",
    )
    return Table(f"{many:,} people sign in within a minute", columns, rows, (note,))


def _make_targets(offline: list[float], rushes: list[_Rush]) -> list[Target]:
    prompt = find_percentile(offline, 0.95)
    targets = [Target("8", "from a sign-in to the alert, p95", prompt, 2.0, "s")]
    targets += [
        Target(
            "8",
            f"`!sessions` while many sign in, {each.limit:,} calls a minute, by quiet",
            each.busy / each.quiet if each.quiet else math.nan,
            1.2,
            "x",
        )
        for each in rushes
    ]
    return targets
