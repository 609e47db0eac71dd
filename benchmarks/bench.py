"""What every scenario shares: a workspace, a contestant in it, the shown progress.

A scenario enters ``bench.start_measurement(contestant)`` and sends orders to its ``workspace``;
its ``program`` is the contestant's process, which is connected by then.
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks.arithmetic import Command
from benchmarks.contestants import Contestant
from benchmarks.environments import find_python
from benchmarks.ours import open_ours
from benchmarks.place.plan import Plan, Site
from benchmarks.program import Program, open_peer
from benchmarks.workspace import Heard, Workspace, open_workspace

_START_SECONDS = 60.0
_SESSION = "sessions/info"


@dataclass(frozen=True)
class Timed:
    """What came of an order, and the contestant's CPU seconds meanwhile."""

    heard: Heard
    cpu: float

    @property
    def commands(self) -> tuple[Command, ...]:
        """The commands of the order."""
        return self.heard.commands


@dataclass
class Measurement:
    """One contestant in one fresh workspace."""

    contestant: Contestant
    workspace: Workspace
    program: Program
    first_answer: float = 0.0

    async def wake(self, seconds: float = _START_SECONDS, gap: float = 0.1) -> float:
        """Ask until the bot answers; return the moment, or raise TimeoutError."""
        text = self.contestant.noop
        heard = await self.workspace.order("wake", text=text, seconds=seconds, gap=gap)
        answers = [min(each.replies) for each in heard.commands if each.replies]
        if not answers:
            raise TimeoutError(f"{self.contestant.title} does not answer")
        return min(answers)

    async def order(self, name: str, **arguments: object) -> Timed:
        """Send an order to the workspace, and measure what it costs the contestant."""
        before = self.program.cpu
        heard = await self.workspace.order(name, **arguments)
        return Timed(heard, self.program.cpu - before)

    async def count_calls(self, route: str) -> int:
        """Count the contestant's REST calls to a route so far."""
        heard = await self.workspace.order("count_calls")
        calls: dict[str, int] = heard.document["calls"]
        return calls.get(f"/api/v1/{route}", 0)

    @asynccontextmanager
    async def asking_each_time(self, commands: int) -> AsyncIterator[None]:
        """Check that so many commands about sessions were not answered from memory.

        Raises RuntimeError where the workspace was asked less often: then something else was
        measured.
        """
        before = await self.count_calls(_SESSION)
        yield
        asked = await self.count_calls(_SESSION) - before
        if asked < commands:
            title = self.contestant.title
            raise RuntimeError(f"{title} asked about {asked} of {commands} sessions only")


@dataclass
class Bench:
    """How much is measured, and where it is told."""

    repetitions: int = 7
    scale: float = 1.0
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    def tell(self, text: str) -> None:
        """Show progress."""
        print(text, flush=True)  # noqa: T201 - what was asked for

    def scaled(self, count: int) -> int:
        """Return a count, smaller in a quick run."""
        return max(1, round(count * self.scale))

    def alternate(self, contestants: Sequence[Contestant]) -> list[tuple[int, Contestant]]:
        """Return all contestants for each repetition, in reverse order in every second one."""
        alternated: list[tuple[int, Contestant]] = []
        for repetition in range(self.repetitions):
            order = contestants if repetition % 2 == 0 else contestants[::-1]
            alternated += [(repetition, each) for each in order]
        return alternated

    @asynccontextmanager
    async def open_measurement(
        self, contestant: Contestant, plan: Plan | None = None, *, is_pinned: bool = True
    ) -> AsyncIterator[Measurement]:
        """Open a workspace with the contestant ready to be started in it.

        With ``is_pinned`` each has a processor of its own, where there are two.
        """
        plan = plan or Plan()
        plan = replace(plan, people=min(plan.people, contestant.people))
        if contestant.ping_after is not None:
            plan = replace(plan, ping_after=contestant.ping_after)
        with tempfile.TemporaryDirectory(prefix="bench-") as name:
            folder = Path(name)
            async with (
                open_workspace(plan, is_pinned=is_pinned) as workspace,
                self._open_program(contestant, workspace.site, folder) as program,
            ):
                program.is_pinned = is_pinned
                yield Measurement(contestant, workspace, program)

    @asynccontextmanager
    async def start_measurement(
        self, contestant: Contestant, plan: Plan | None = None, *, is_pinned: bool = True
    ) -> AsyncIterator[Measurement]:
        """Open a measurement, start the contestant, wait for its ``first_answer`` (in seconds)."""
        async with self.open_measurement(contestant, plan, is_pinned=is_pinned) as measurement:
            await measurement.program.start()
            measurement.first_answer = await measurement.wake() - measurement.program.started_at
            await measurement.workspace.order("rest", seconds=1.5 if contestant.is_poller else 0.4)
            yield measurement

    @asynccontextmanager
    async def _open_program(
        self, contestant: Contestant, site: Site, folder: Path
    ) -> AsyncIterator[Program]:
        if contestant.script is None:
            async with open_ours(site, folder, self._turn) as program:
                yield program
            return
        python = await find_python(contestant)
        async with open_peer(python, contestant.script, site, folder) as program:
            yield program
