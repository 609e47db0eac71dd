"""The bot as programs of its own: started, read, stopped, killed; none outlives its block."""

import asyncio
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from bot.config import Settings
from tests.support.deadlines import PROGRAM_DEADLINE_S

PROGRAM = str(Path(sys.executable).with_name("session-bot"))


class Program:
    """A running program; ``output`` and ``log`` are the lines of its stdout and stderr so far."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.output: list[str] = []
        self.log: list[str] = []
        self._changed = asyncio.Event()
        self._is_read = False

    async def read(self) -> None:
        """Read both pipes to their ends, so that the program never waits for a reader."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._read(self.process.stdout, self.output))
            tasks.create_task(self._read(self.process.stderr, self.log))
        self._is_read = True
        self._changed.set()

    async def wait_for_output(self, words: str) -> str:
        """Return all lines of stdout to the first with these words."""
        return "".join(await self._wait_for(self.output, words))

    async def wait_for_log(self, words: str) -> str:
        """Return the first line of stderr with these words."""
        return (await self._wait_for(self.log, words))[-1]

    async def wait_until_listening(self) -> None:
        await self.wait_for_log("listening")

    async def wait(self) -> int:
        """Wait until it has ended; return its status."""
        async with asyncio.timeout(PROGRAM_DEADLINE_S):
            return await self.process.wait()

    async def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Stop it in good order; return its status."""
        self.process.send_signal(how)
        return await self.wait()

    async def kill(self) -> None:
        """End it at once, as a power cut does."""
        if self.process.returncode is None:
            self.process.kill()
        await self.wait()

    async def _read(self, stream: asyncio.StreamReader | None, lines: list[str]) -> None:
        assert stream is not None
        while line := await stream.readline():
            lines.append(line.decode())
            self._changed.set()

    async def _wait_for(self, lines: list[str], words: str) -> list[str]:
        async with asyncio.timeout(PROGRAM_DEADLINE_S):
            while not any(words in line for line in lines):
                # It may have ended before its last words were read.
                assert not self._is_read, "".join(self.output + self.log)
                self._changed.clear()
                await self._changed.wait()
        number = next(number for number, line in enumerate(lines, 1) if words in line)
        return lines[:number]


@asynccontextmanager
async def start_program(*arguments: str, program: str = PROGRAM) -> AsyncIterator[Program]:
    """Start ``session-bot`` with these arguments; kill what still runs at the end."""
    process = await asyncio.create_subprocess_exec(program, *arguments, stdout=PIPE, stderr=PIPE)
    running = Program(process)
    reading = asyncio.create_task(running.read())
    try:
        yield running
    finally:
        if process.returncode is None:
            process.kill()
        await reading
        await process.wait()


@asynccontextmanager
async def run_program(config: Path) -> AsyncIterator[Program]:
    """Run the bot while the block lasts; it must end in good order where it still runs then."""
    async with start_program("run", "--config", str(config)) as program:
        await program.wait_until_listening()
        yield program
        if program.process.returncode is None:
            assert await program.stop() == 0


async def run_to_its_end(
    *arguments: str, command: tuple[str, ...] = (PROGRAM,), typed: str = "", cwd: Path | None = None
) -> tuple[int | None, str, str]:
    """Run a program; return its status, stdout and stderr."""
    process = await asyncio.create_subprocess_exec(
        *command,
        *arguments,
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
        cwd=cwd,
        # Without a terminal, so that it reads secrets from stdin, too.
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(PROGRAM_DEADLINE_S):
            output, errors = await process.communicate(typed.encode())
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()
    return process.returncode, output.decode(), errors.decode()


def write_config(path: Path, settings: Settings, *, level: str = "INFO") -> Path:
    """Write the settings as a file of a program's own; return its path."""
    workspace, web = settings.workspace, settings.web
    keys = [key.get_secret_value() for key in settings.vault.keys]
    path.write_text(
        f'[workspace]\nurl = "{workspace.url}"\nuser_id = "{workspace.user_id}"\n'
        f'auth_token = "{workspace.auth_token.get_secret_value()}"\n'
        f'[web]\npublic_url = "{web.public_url}"\nport = {web.port}\n'
        f'[storage]\nurl = "{settings.storage.url}"\n'
        f"[vault]\nkeys = {keys!r}\n"
        f'[log]\nlevel = "{level}"\nformat = "json"\n'
    )
    return path
