"""One rush: quiet, then everybody's report at once, then the same with everything going wrong."""

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from sqlalchemy import ColumnElement, func, select

from bot.features.reports.schedule_rules import SPREAD
from bot.storage.tables import report_runs
from rocketchat_simulator import Event, MessageStored
from tests.stress.rush.asking import Askers, Waits
from tests.stress.rush.counting import Figures, count
from tests.stress.rush.programs import Program, Programs, open_programs
from tests.stress.rush.scene import Scene, open_scene

_MINUTE = timedelta(minutes=1)
_DEAD = 0.05
_REFUSALS = {429: 0.05, 502: 0.01}


@dataclass(frozen=True)
class Plan:
    """What a run is like; times in seconds. A file is the database where none is given.

    Without calm there is only the burst in which all goes wrong, and nothing to compare it with.
    """

    due: int = 1000
    asking: int = 20
    processes: int = 1
    database: str = ""
    quiet: float = 60.0
    patience: float = 420.0
    has_calm: bool = True


@dataclass(frozen=True)
class Burst:
    """What became of everybody's reports, and how long people waited for answers meanwhile."""

    figures: Figures
    waits: Waits
    seconds: float

    @property
    def rate(self) -> float:
        """Reports in a second."""
        return self.figures.due / self.seconds


@dataclass(frozen=True)
class Outcome:
    """What came of a run."""

    quiet: Waits
    calm: Burst | None
    hard: Burst
    ends: Counter[str]


async def rush(plan: Plan, folder: Path, tell: Callable[[str], None]) -> Outcome:
    """Do it."""
    database = plan.database or f"sqlite:///{folder / 'bot.db'}"
    async with AsyncExitStack() as stack:
        opening = open_scene(folder, database, plan.due, plan.asking)
        scene = await stack.enter_async_context(opening)
        programs = await stack.enter_async_context(open_programs(scene.config, folder))
        tell(f"{plan.due} people connected, {plan.asking} others ask")
        run = _Run(plan, scene, programs)
        quiet, calm = Waits(), None
        if plan.has_calm:
            await run.start()
            quiet = await run.ask_quietly()
            tell(f"quiet: {format_waits(quiet)}")
            calm = await run.burst(0)
            tell(f"burst: {format_burst(calm)}")
        hard = await run.burst(1, is_hard=True)
        tell(f"burst with faults and a kill: {format_burst(hard)}")
        await programs.stop()
        return Outcome(quiet, calm, hard, programs.ends)


class _Run:
    def __init__(self, plan: Plan, scene: Scene, programs: Programs) -> None:
        self._plan = plan
        self._scene = scene
        workspace, bot = scene.simulator.workspace, scene.people.bot
        rooms = [(each.user, workspace.direct_room(each.user, bot)) for each in scene.askers]
        self._askers = Askers(workspace, bot, rooms)
        self._random = Random(1)  # noqa: S311 - no secret
        # So long ago that nobody's place in the window is still to come.
        self._base = datetime.now(UTC).replace(second=0, microsecond=0) - SPREAD - _MINUTE
        self._programs = programs
        self._running: list[Program] = []
        self._restart: asyncio.Task[Program] | None = None

    async def start(self) -> None:
        for _ in range(self._plan.processes):
            self._running.append(await self._programs.start("run"))

    async def ask_quietly(self) -> Waits:
        over = asyncio.Event()
        asking = asyncio.create_task(self._askers.ask(over))
        await asyncio.sleep(self._plan.quiet)
        over.set()
        return await asking

    async def burst(self, number: int, *, is_hard: bool = False) -> Burst:
        """Let everybody's report be due in the same minute, a while ago: all start at once."""
        due_at = self._base + number * _MINUTE
        if not self._running:
            await self.start()
        if is_hard:
            self._scene.kill_tokens(_DEAD, self._random)
            self._scene.simulator.faults.fail_some(_REFUSALS, self._random)
        since = self._scene.simulator.workspace.now()
        await self._scene.plan_reports(due_at)
        over = asyncio.Event()
        asking = asyncio.create_task(self._askers.ask(over))
        first, last = await self._wait(due_at, self._kill if is_hard else _leave_be)
        over.set()
        waits = (await asking).within(first, last)
        self._scene.simulator.faults.clear()
        if self._restart is not None:
            await self._restart
        return Burst(await count(self._scene, due_at, since), waits, last - first)

    async def _wait(self, due_at: datetime, halfway: Callable[[], None]) -> tuple[float, float]:
        """Wait until all slots are done with; give when they were opened, and the last told of."""
        times: list[float] = []
        opened_at = 0.0
        clock = asyncio.get_running_loop().time
        members = {each.user.id for each in self._scene.due}
        middle = len(members) * 2 // 5

        def listen(event: Event) -> None:
            if isinstance(event, MessageStored) and members.intersection(event.room.member_ids):
                times.append(clock())
                if len(times) == middle:
                    halfway()

        unsubscribe = self._scene.simulator.workspace.subscribe(listen)
        async with asyncio.timeout(self._plan.patience):
            while await self._count_done(due_at) < len(members):
                if not opened_at and await self._count(report_runs.c.due_at == due_at):
                    opened_at = clock()
                await asyncio.sleep(0.25)
        unsubscribe()
        return opened_at, times[-1]

    async def _count_done(self, due_at: datetime) -> int:
        return await self._count(
            report_runs.c.due_at == due_at, report_runs.c.finished_at.is_not(None)
        )

    async def _count(self, *conditions: ColumnElement[bool]) -> int:
        query = select(func.count()).where(*conditions)
        return await self._scene.database.write(
            lambda connection: connection.execute(query).scalar_one()
        )

    def _kill(self) -> None:
        """Kill one process: for good where others are left, else it is started again."""
        self._running[0].kill()
        if len(self._running) == 1:
            self._restart = asyncio.create_task(self._programs.start("run"))


def _leave_be() -> None:
    """Kill nobody."""


def format_waits(waits: Waits) -> str:
    """Write how long people waited."""
    return (
        f"people's commands: {len(waits.seconds)} answered, {waits.lost} lost,"
        f" median {1000 * waits.median:.0f} ms, p95 {1000 * waits.p95:.0f} ms"
    )


def format_burst(burst: Burst) -> str:
    """Write what became of a burst."""
    return (
        f"{burst.figures}; {burst.seconds:.1f} s, {burst.rate:.0f} a second;"
        f" {format_waits(burst.waits)}"
    )
