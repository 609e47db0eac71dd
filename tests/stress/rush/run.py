"""One run: quiet, then everybody's report at once, then the same with faults and a kill."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from sqlalchemy import ColumnElement, func, select

from bot.features.reports.schedule_rules import SPREAD
from bot.storage.tables import report_runs
from rocketchat_simulator import MessageStored
from tests.stress.bot_program import BotProgram
from tests.stress.rush.asking import Askers, Waits
from tests.stress.rush.counting import ReportCounts, count
from tests.stress.rush.scene import Scene, open_scene
from tests.stress.shared import subscribe_to_messages

_MINUTE = timedelta(minutes=1)
_REVOKED_SHARE = 0.05
_FAILING_SHARES = {429: 0.05, 502: 0.01}


@dataclass(frozen=True)
class Plan:
    """The settings of a run; times in seconds. Without ``storage_url`` the database is a file.

    Without a calm burst there is only the one with faults, and nothing to compare it with.
    """

    due: int = 1000
    asking: int = 20
    processes: int = 1
    storage_url: str = ""
    quiet: float = 60.0
    timeout: float = 420.0
    has_calm: bool = True


@dataclass(frozen=True)
class Burst:
    """What became of everybody's reports, and how long people waited for answers meanwhile."""

    counts: ReportCounts
    waits: Waits
    seconds: float

    @property
    def rate(self) -> float:
        """Reports per second."""
        return self.counts.due / self.seconds


@dataclass(frozen=True)
class Outcome:
    """The results of a run; ``ends`` counts how the bot's processes ended."""

    quiet: Waits
    calm: Burst | None
    hard: Burst
    ends: Counter[str]


async def rush(plan: Plan, folder: Path, tell: Callable[[str], None]) -> Outcome:
    """Run it; return the results."""
    async with (
        open_scene(folder, plan.storage_url, plan.due, plan.asking) as scene,
        asyncio.TaskGroup() as tasks,
    ):
        tell(f"{plan.due} people connected, {plan.asking} others ask")
        run = _Run(plan, scene, folder)
        for program in run.programs:
            tasks.create_task(program.run())
        for program in run.programs:
            await program.wait_until_listening()
        quiet, calm = Waits(), None
        if plan.has_calm:
            quiet = await run.ask_quietly()
            tell(f"quiet: {format_waits(quiet)}")
            calm = await run.burst(0)
            tell(f"burst: {format_burst(calm)}")
        hard = await run.burst(1, is_hard=True)
        tell(f"burst with faults and a kill: {format_burst(hard)}")
        await asyncio.gather(*(program.end() for program in run.programs))
    return Outcome(quiet, calm, hard, run.ends)


class _Run:
    def __init__(self, plan: Plan, scene: Scene, folder: Path) -> None:
        self._plan = plan
        self._scene = scene
        workspace, bot = scene.stage.simulator.workspace, scene.stage.people.bot
        rooms = [(each.user, scene.find_room(each)) for each in scene.askers]
        self._askers = Askers(workspace, bot, rooms)
        self._random = Random(1)  # noqa: S311 - no secret
        # So long ago that everybody's place in the window has passed.
        self._base = datetime.now(UTC).replace(second=0, microsecond=0) - SPREAD - _MINUTE
        self.ends: Counter[str] = Counter()
        self.programs = [
            BotProgram(scene.config, folder / f"bot{number}.log", self.ends)
            for number in range(plan.processes)
        ]

    async def ask_quietly(self) -> Waits:
        over = asyncio.Event()
        asking = asyncio.create_task(self._askers.ask(over))
        await asyncio.sleep(self._plan.quiet)
        over.set()
        return await asking

    async def burst(self, number: int, *, is_hard: bool = False) -> Burst:
        """Make everybody's report due in one minute that has passed: all start at once."""
        due_at = self._base + number * _MINUTE
        simulator = self._scene.stage.simulator
        if is_hard:
            self._scene.revoke_tokens(_REVOKED_SHARE, self._random)
            simulator.faults.fail_some(_FAILING_SHARES, self._random)
        since = simulator.workspace.now()
        await self._scene.schedule_reports(due_at)
        over = asyncio.Event()
        asking = asyncio.create_task(self._askers.ask(over))
        first, last = await self._wait(due_at, self._kill if is_hard else _kill_nothing)
        over.set()
        waits = (await asking).within(first, last)
        simulator.faults.clear()
        return Burst(await count(self._scene, due_at, since), waits, last - first)

    async def _wait(self, due_at: datetime, halfway: Callable[[], None]) -> tuple[float, float]:
        """Wait until all runs have finished; return when they were created, and last reported."""
        times: list[float] = []
        created_at = 0.0
        clock = asyncio.get_running_loop().time
        members = {each.user.id for each in self._scene.due}
        middle = len(members) * 2 // 5

        def listen(event: MessageStored) -> None:
            if members.intersection(event.room.member_ids):
                times.append(clock())
                if len(times) == middle:
                    halfway()

        unsubscribe = subscribe_to_messages(self._scene.stage.simulator.workspace, listen)
        async with asyncio.timeout(self._plan.timeout):
            while await self._count_done(due_at) < len(members):
                if not created_at and await self._count(report_runs.c.due_at == due_at):
                    created_at = clock()
                await asyncio.sleep(0.25)
        unsubscribe()
        return created_at, times[-1]

    async def _count_done(self, due_at: datetime) -> int:
        return await self._count(
            report_runs.c.due_at == due_at, report_runs.c.finished_at.is_not(None)
        )

    async def _count(self, *conditions: ColumnElement[bool]) -> int:
        query = select(func.count()).where(*conditions)
        return await self._scene.database.read(
            lambda connection: connection.execute(query).scalar_one()
        )

    def _kill(self) -> None:
        """Kill one process; it is started again where it is the only one."""
        self.programs[0].kill(is_last=len(self.programs) > 1)


def _kill_nothing() -> None:
    """Leave all processes running."""


def format_waits(waits: Waits) -> str:
    """Format how long people waited."""
    return (
        f"people's commands: {len(waits.seconds)} answered, {waits.lost} lost,"
        f" median {1000 * waits.median:.0f} ms, p95 {1000 * waits.p95:.0f} ms"
    )


def format_burst(burst: Burst) -> str:
    """Format what became of a burst."""
    return (
        f"{burst.counts}; {burst.seconds:.1f} s, {burst.rate:.0f} per second;"
        f" {format_waits(burst.waits)}"
    )
