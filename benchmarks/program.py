"""A contestant as a process: started, killed, started again, looked at."""

import asyncio
import json
import os
import signal
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from time import monotonic

from benchmarks import machine
from benchmarks.place.plan import Site

_STOP_SECONDS = 10.0


class Program:
    """One contestant in one workspace; ``folder`` is where it may keep things."""

    def __init__(self, words: list[str], folder: Path) -> None:
        self._words = words
        self._log = folder / "log.txt"
        self._process: Process | None = None
        self.started_at = 0.0
        self.ends = 0
        self.is_pinned = True
        self.restarts_after = 1.0

    @property
    def pid(self) -> int:
        """The process; 0 while there is none."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else 0

    @property
    def cpu(self) -> float:
        """CPU seconds so far."""
        return machine.read_cpu_time(self.pid) if self.pid else 0.0

    @property
    def memory(self) -> float:
        """Resident memory now, in MiB."""
        return machine.read_memory(self.pid) if self.pid else 0.0

    async def start(self) -> None:
        """Start it, on the processor that is the contestant's."""
        with self._log.open("ab") as log:
            self.started_at = monotonic()
            self._process = await asyncio.create_subprocess_exec(
                *self._words, stdin=DEVNULL, stdout=log, stderr=log
            )
        if self.is_pinned:
            machine.pin(self._process.pid, machine.find_processors()[1])

    async def kill(self) -> None:
        """Kill it, as a power cut does."""
        if self._process is not None and self.pid:
            os.kill(self.pid, signal.SIGKILL)
            await self._process.wait()

    async def end(self) -> None:
        """Ask it to stop, and kill it where it does not."""
        if self._process is None or not self.pid:
            return
        os.kill(self.pid, signal.SIGTERM)
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                await self._process.wait()
        except TimeoutError:
            await self.kill()

    @asynccontextmanager
    async def supervised(self) -> AsyncIterator[None]:
        """Start it again whenever it ends in the block, as an operator's supervisor does."""
        keeping = asyncio.create_task(self._keep())
        try:
            yield
        finally:
            keeping.cancel()
            await asyncio.wait([keeping])

    async def _keep(self) -> None:
        while self._process is not None:
            await self._process.wait()
            self.ends += 1
            await asyncio.sleep(self.restarts_after)
            await self.start()


@asynccontextmanager
async def open_peer(python: Path, script: Path, site: Site, folder: Path) -> AsyncIterator[Program]:
    """Make a peer's or the floor's program ready; it is ended with the block."""
    config = folder / "site.json"
    config.write_text(json.dumps(asdict(site)))
    program = Program([str(python), str(script), str(config)], folder)
    try:
        yield program
    finally:
        await program.kill()
