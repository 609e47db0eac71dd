"""The bot as programs of their own: started, killed, stopped."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, Process
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from rocketchat_simulator.demo.seed import DemoPeople

PROGRAM = str(Path(sys.executable).with_name("session-bot"))
_START_SECONDS = 60.0
_STOP_SECONDS = 20.0


def write_config(path: Path, url: str, people: DemoPeople, database: str, key: str) -> None:
    """Write what a program of the bot's needs."""
    path.write_text(
        f'[workspace]\nurl = "{url}"\nuser_id = "{people.bot.id}"\n'
        f'auth_token = "{people.bot_token}"\n'
        '[web]\npublic_url = "http://127.0.0.1:0"\nport = 0\n'
        f'[storage]\nurl = "{database}"\n'
        f'[vault]\nkeys = ["{key}"]\n'
        '[log]\nlevel = "INFO"\nformat = "json"\n'
    )


class Program:
    """One process of the bot's; ``words`` are those of the command line."""

    def __init__(self, process: Process, log: Path) -> None:
        self._process = process
        self._log = log

    async def wait_until_ready(self) -> None:
        """Wait until it listens, or works where it does not listen."""
        async with asyncio.timeout(_START_SECONDS):
            while not self._is_ready():
                assert self._process.returncode is None, self._log.read_text()
                await asyncio.sleep(0.05)

    def kill(self) -> None:
        """End it at once, as a power cut does."""
        os.kill(self._process.pid, signal.SIGKILL)

    async def stop(self) -> str:
        """Stop it in good order, where it still runs; tell how it ended."""
        if self._process.returncode is None:
            self._process.terminate()
        async with asyncio.timeout(_STOP_SECONDS):
            status = await self._process.wait()
        return "killed" if status == -signal.SIGKILL else f"status {status}"

    def _is_ready(self) -> bool:
        log = self._log.read_bytes()
        return b'"listening"' in log or b'"working"' in log


class Programs:
    """Those that run, oldest first; ``ends`` counts how they ended."""

    def __init__(self, config: Path, folder: Path) -> None:
        self._config = config
        self._folder = folder
        self._all: list[Program] = []
        self.ends: Counter[str] = Counter()

    async def start(self, words: str) -> Program:
        """Start ``session-bot run`` or ``work``, and wait until it is ready."""
        log = self._folder / f"bot{len(self._all)}.log"
        with log.open("wb") as file:
            process = await asyncio.create_subprocess_exec(
                PROGRAM,
                words,
                "--config",
                str(self._config),
                stdin=DEVNULL,
                stdout=file,
                stderr=file,
            )
        program = Program(process, log)
        self._all.append(program)
        await program.wait_until_ready()
        return program

    async def stop(self) -> None:
        """Stop them all."""
        self.ends.update([await program.stop() for program in self._all])
        self._all.clear()


@asynccontextmanager
async def open_programs(config: Path, folder: Path) -> AsyncIterator[Programs]:
    """Let programs be started, and stop them in the end."""
    programs = Programs(config, folder)
    try:
        yield programs
    finally:
        await programs.stop()
