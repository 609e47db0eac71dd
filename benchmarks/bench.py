"""What every scenario stands on: a workspace, a contestant in it, the progress that is shown.

A scenario says ``async with bench.try_out(contestant) as trial`` and gives orders to
``trial.workspace``, while ``trial.program`` is the contestant's process, which hears by then.
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
class Trial:
    """One contestant in one fresh workspace."""

    contestant: Contestant
    workspace: Workspace
    program: Program
    first_answer: float = 0.0

    async def rouse(self, seconds: float = _START_SECONDS, gap: float = 0.1) -> float:
        """Ask until the bot answers; return the moment, or raise TimeoutError."""
        text = self.contestant.noop
        heard = await self.workspace.order("rouse", text=text, seconds=seconds, gap=gap)
        answers = [min(each.replies) for each in heard.commands if each.replies]
        if not answers:
            raise TimeoutError(f"{self.contestant.title} does not answer")
        return min(answers)

    async def order(self, name: str, **arguments: object) -> Timed:
        """Have something done in the workspace, and look what it costs the contestant."""
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
        """See that so many commands about sessions were not answered from memory.

        Raises RuntimeError where the workspace was asked less often, for what was then measured
        is something else.
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

    def take_turns(self, contestants: Sequence[Contestant]) -> list[tuple[int, Contestant]]:
        """Return who is tried when: everybody in each repetition, every second one backwards."""
        turns: list[tuple[int, Contestant]] = []
        for repetition in range(self.repetitions):
            order = contestants if repetition % 2 == 0 else contestants[::-1]
            turns += [(repetition, each) for each in order]
        return turns

    @asynccontextmanager
    async def open_trial(
        self, contestant: Contestant, plan: Plan | None = None, *, is_pinned: bool = True
    ) -> AsyncIterator[Trial]:
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
                yield Trial(contestant, workspace, program)

    @asynccontextmanager
    async def try_out(
        self, contestant: Contestant, plan: Plan | None = None, *, is_pinned: bool = True
    ) -> AsyncIterator[Trial]:
        """Do the same, start it and wait until it hears; its ``first_answer`` is in seconds."""
        async with self.open_trial(contestant, plan, is_pinned=is_pinned) as trial:
            await trial.program.start()
            trial.first_answer = await trial.rouse() - trial.program.started_at
            await trial.workspace.order("rest", seconds=1.5 if contestant.is_poller else 0.4)
            yield trial

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
