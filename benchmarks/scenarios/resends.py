"""Scenario 5: commands that the server publishes again, as it does often."""

import asyncio
from collections.abc import Sequence
from typing import Any

from benchmarks.arithmetic import Command, Tally, count
from benchmarks.bench import Bench, Trial
from benchmarks.contestants import ALL, Contestant
from benchmarks.findings import Findings, Table
from benchmarks.place.plan import Plan

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
    "stored anew": {},
}
_Row = tuple[Contestant, list[int], Tally]


async def run(bench: Bench) -> Findings:
    """Try everybody at the same time: nothing is timed."""
    findings = Findings()
    async with asyncio.TaskGroup() as tasks:
        tried = [tasks.create_task(_try(bench, contestant)) for contestant in ALL]
    rows = [each.result() for each in tried]
    for contestant, _, tally in rows:
        findings.note(contestant.title, tally)
    findings.tables = [_make_table(rows)]
    return findings


async def _try(bench: Bench, contestant: Contestant) -> _Row:
    extra = [0] * len(_KINDS)
    total = Tally()
    async with bench.try_out(contestant, Plan(people=45)) as trial:
        for place, changes in enumerate(_KINDS.values()):
            said = await _send_again(trial, changes)
            tally = count(said)
            extra[place] += tally.twice
            total += tally
    bench.tell(f"  {contestant.title}: {sum(extra)} answers too many")
    return contestant, extra, total


async def _send_again(trial: Trial, changes: dict[str, Any]) -> Sequence[Command]:
    """Say commands, publish each again several times, and see what comes of it."""
    contestant = trial.contestant
    said = await trial.workspace.order("burst", text=contestant.noop, count=_COMMANDS)
    ids = [each.id for each in said.commands]
    for _ in range(_TIMES):
        await trial.workspace.order("repeat", ids=ids, changes=changes)
    await trial.workspace.order("rest", seconds=_SECONDS[contestant.is_poller])
    return (await trial.workspace.order("look", ids=ids)).commands


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
