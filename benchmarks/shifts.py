"""Several processes of our bot on one database, which make reports together."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.crowds import make_reports_due
from benchmarks.ours import PROGRAM, connect_everybody, write_config
from benchmarks.place.plan import Plan
from benchmarks.program import Program
from benchmarks.workspace import Workspace, open_workspace
from tests.support.postgres import find_binaries, open_empty_database, open_server


@dataclass(frozen=True)
class Shift:
    """A workspace in which everybody's report is due, and the processes that may start."""

    workspace: Workspace
    programs: tuple[Program, ...]

    @property
    def cpu(self) -> float:
        """CPU seconds of all of them so far."""
        return sum(program.cpu for program in self.programs)

    async def start(self) -> float:
        """Start them all; return the moment."""
        await asyncio.gather(*(program.start() for program in self.programs))
        return self.programs[0].started_at


@asynccontextmanager
async def open_shift(plan: Plan, *, count: int, database: str = "") -> AsyncIterator[Shift]:
    """Make one ``session-bot run`` and ``count`` - 1 of ``session-bot work`` ready to start.

    ``database`` is the address of an empty database on PostgreSQL; without it it is a file.
    """
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        workspace = await stack.enter_async_context(open_workspace(plan))
        config = write_config(workspace.site, folder, database)
        await connect_everybody(config, workspace.site)
        await make_reports_due(config, workspace.site)
        programs = []
        for number in range(count):
            own = folder / str(number)
            own.mkdir()
            word = "work" if number else "run"
            programs.append(Program([PROGRAM, word, "--config", str(config)], own))
            stack.push_async_callback(programs[-1].end)
        yield Shift(workspace, tuple(programs))


@contextmanager
def open_database_server() -> Iterator[str]:
    """Run a PostgreSQL server of its own; return its address, or "" without one installed."""
    if find_binaries() is None:
        yield ""
        return
    with open_server() as server:
        yield server.url


@contextmanager
def open_database(server: str) -> Iterator[str]:
    """Make an empty database on the server, dropped in the end."""
    with open_empty_database(server) as url:
        yield url
