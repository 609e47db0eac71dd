"""The simulated workspace, as the measuring side sees it: a child process that takes orders."""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks import machine
from benchmarks.arithmetic import Command
from benchmarks.place.plan import Account, Plan, Site

_MAX_LINE = 64 * 1024 * 1024
_MAX_SECONDS = 600.0


@dataclass(frozen=True)
class Heard:
    """What came of an order: commands with their answers, and the workspace's own CPU seconds."""

    commands: tuple[Command, ...]
    cpu: float
    document: dict[str, Any]


class Workspace:
    """Takes orders by name, see ``benchmarks/place/orders.py``."""

    def __init__(self, process: Process, site: Site) -> None:
        self._process = process
        self.site = site

    @property
    def pid(self) -> int:
        """The child process."""
        return self._process.pid

    async def order(self, name: str, **arguments: Any) -> Heard:  # noqa: ANN401 - whatever it takes
        """Have something done; raises RuntimeError where the workspace is gone."""
        document = await _exchange(self._process, {"do": name} | arguments)
        commands = [
            Command(key, said_at, tuple(replies))
            for key, said_at, replies in document.get("commands", ())
        ]
        return Heard(tuple(commands), document["cpu"], document)

    async def wait(self, said: Sequence[Command], seconds: float) -> Heard:
        """Wait for the answers to commands said before."""
        return await self.order("wait", ids=[each.id for each in said], seconds=seconds)


@asynccontextmanager
async def open_workspace(plan: Plan, *, is_pinned: bool = True) -> AsyncIterator[Workspace]:
    """Start a workspace on its own processor; it ends with the block."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.place", stdin=PIPE, stdout=PIPE, limit=_MAX_LINE
    )
    try:
        if is_pinned:
            machine.pin(process.pid, machine.find_processors()[0])
        site = _read_site(await _exchange(process, asdict(plan)))
        workspace = Workspace(process, site)
        await workspace.order("settle")
        yield workspace
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _exchange(process: Process, document: dict[str, Any]) -> dict[str, Any]:
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("the workspace has no pipes")
    process.stdin.write(json.dumps(document).encode() + b"\n")
    async with asyncio.timeout(_MAX_SECONDS):
        await process.stdin.drain()
        line = await process.stdout.readline()
    if not line:
        raise RuntimeError("the simulated workspace has ended; see what it wrote above")
    answer: dict[str, Any] = json.loads(line)
    return answer


def _read_site(document: dict[str, Any]) -> Site:
    people = tuple(_read_account(each) for each in document["people"])
    return Site(document["url"], _read_account(document["bot"]), people)


def _read_account(document: dict[str, Any]) -> Account:
    return Account(**document | {"session_ids": tuple(document["session_ids"])})
