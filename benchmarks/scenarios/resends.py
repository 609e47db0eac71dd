"""Scenario 5: commands that the server publishes again, as it does often."""

import asyncio
from collections.abc import Sequence
from typing import Any

from benchmarks.arithmetic import AnswerCounts, Command, count
from benchmarks.bench import Bench, Measurement
from benchmarks.contestants import ALL, Contestant
from benchmarks.place.plan import Plan
from benchmarks.results import Results, Table

_COMMANDS = 10
_TIMES = 3
_SECONDS = {False: 0.8, True: 2.0}  # a poller asks once a second
_KINDS: dict[str, dict[str, Any]] = {
    "reaction": {"reactions": {":+1:": {"usernames": ["person1"]}}},
    "read receipt": {"unread": False},
    "answered in a thread": {"tcount": 1, "replies": ["someone"]},
    "link preview": {"urls": [{"url": "https://example.org", "meta": {"pageTitle": "Example"}}]},
    "pinned": {"pinned": True},
    "edited": {"editedAt": "2026-01-01T00:00:00.000Z", "editedBy": {"_id": "x", "username": "x"}},
    "stored again": {},
}
_Row = tuple[Contestant, list[int], AnswerCounts]


async def run(bench: Bench) -> Results:
    """Try everybody at the same time: nothing is timed."""
    results = Results()
    async with asyncio.TaskGroup() as tasks:
        tried = [tasks.create_task(_try(bench, contestant)) for contestant in ALL]
    rows = [each.result() for each in tried]
    for contestant, _, counted in rows:
        results.note(contestant.title, counted)
    results.tables = [_make_table(rows)]
    return results


async def _try(bench: Bench, contestant: Contestant) -> _Row:
    extra = [0] * len(_KINDS)
    total = AnswerCounts()
    async with bench.start_measurement(contestant, Plan(people=45)) as measurement:
        for place, changes in enumerate(_KINDS.values()):
            said = await _send_again(measurement, changes)
            counted = count(said)
            extra[place] += counted.twice
            total += counted
    bench.tell(f"  {contestant.title}: {sum(extra)} answers too many")
    return contestant, extra, total


async def _send_again(measurement: Measurement, changes: dict[str, Any]) -> Sequence[Command]:
    """Say commands, publish each again several times, and see what comes of it."""
    contestant = measurement.contestant
    said = await measurement.workspace.order("burst", text=contestant.noop, count=_COMMANDS)
    ids = [each.id for each in said.commands]
    for _ in range(_TIMES):
        await measurement.workspace.order("repeat", ids=ids, changes=changes)
    await measurement.workspace.order("rest", seconds=_SECONDS[contestant.is_poller])
    return (await measurement.workspace.order("look", ids=ids)).commands


def _make_table(rows: Sequence[_Row]) -> Table:
    shown = [
        (contestant.title, *(str(each) for each in extra), str(sum(extra)))
        for contestant, extra, _ in rows
    ]
    note = (
        f"{_COMMANDS} commands of each kind, each published again {_TIMES} times after its "
        "answer; counted are answers beyond the first."
    )
    return Table(
        "Answers too many, by what made the server publish a command again",
        ("", *_KINDS, "all"),
        shown,
        (note,),
    )
