"""The bot as a program: started, killed, started again, whatever happens to it."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections import Counter
from pathlib import Path

from rocketchat_simulator.demo.seed import DemoPeople

STARTER = str(Path(__file__).with_name("starter.py"))
STOPPED_EARLY = "stopped before it could listen to signals"
_START_SECONDS = 60.0
_STOP_SECONDS = 20.0


def write_config(
    path: Path, url: str, people: DemoPeople, database: str, key: str, level: str = "INFO"
) -> None:
    """Write what ``session-bot run`` needs."""
    path.write_text(
        f'[workspace]\nurl = "{url}"\nuser_id = "{people.bot.id}"\n'
        f'auth_token = "{people.bot_token}"\n'
        '[web]\npublic_url = "http://127.0.0.1:0"\nport = 0\n'
        f'[storage]\nurl = "{database}"\n'
        f'[vault]\nkeys = ["{key}"]\n'
        f'[log]\nlevel = "{level}"\nformat = "json"\n'
    )


class Program:
    """One bot process after another; its log goes on in one file."""

    def __init__(self, config: Path, log: Path, ends: Counter[str]) -> None:
        self._config = config
        self._log = log
        log.touch()
        self._expected = ""
        self._is_over = False
        self._has_ended = asyncio.Event()
        self._began_at_byte = 0
        self.pid = 0
        """The process; 0 while there is none."""
        self.kills = 0
        self.ends = ends

    async def run(self) -> None:
        """Keep it running until ``end``; it is stopped when this is cancelled, too."""
        with self._log.open("ab") as log:
            starter = await asyncio.create_subprocess_exec(
                sys.executable, STARTER, str(self._config), stdin=PIPE, stdout=PIPE, stderr=log
            )
        try:
            while not self._is_over:
                await self._run_once(starter)
        finally:
            self._send(signal.SIGKILL)
            await starter.communicate(b"")

    async def wait_until_listening(self, seconds: float = _START_SECONDS) -> None:
        """Wait until this process has listened; raises TimeoutError."""
        async with asyncio.timeout(seconds):
            while not self._has_listened():  # noqa: ASYNC110 - another process tells
                await asyncio.sleep(0.05)

    def kill(self) -> bool:
        """Kill it at once; False where it does not run, or is about to end."""
        return self._end_with(signal.SIGKILL, "killed")

    def stop(self) -> bool:
        """Ask it to stop in good order."""
        return self._end_with(signal.SIGTERM, "stopped")

    async def end(self) -> None:
        """Stop it for good."""
        self._is_over = True
        if self.stop() or self._expected:
            try:
                async with asyncio.timeout(_STOP_SECONDS):
                    await self._has_ended.wait()
            except TimeoutError:
                self.ends["did not stop in time"] += 1
                self._send(signal.SIGKILL)

    def _has_listened(self) -> bool:
        with self._log.open("rb") as log:
            log.seek(self._began_at_byte)
            return b'"listening"' in log.read()

    async def _run_once(self, starter: Process) -> None:
        if starter.stdin is None or starter.stdout is None:
            return
        self._expected = ""
        self._has_ended.clear()
        self._began_at_byte = self._log.stat().st_size
        starter.stdin.write(b"\n")
        self.pid = int(await starter.stdout.readline())
        status = int(await starter.stdout.readline())
        self.pid = 0
        self._has_ended.set()
        self._note_end(status)

    def _note_end(self, status: int) -> None:
        if not self._expected:
            self.ends[f"ended by itself with status {status}"] += 1
        elif self._expected == "stopped" and status == -signal.SIGTERM:
            self.ends[STOPPED_EARLY] += 1
        elif self._expected == "stopped" and status != 0:
            self.ends[f"stopped with status {status}"] += 1
        else:
            self.kills += self._expected == "killed"
            self.ends[self._expected] += 1

    def _end_with(self, how: signal.Signals, name: str) -> bool:
        if not self.pid or self._expected:
            return False
        self._expected = name
        self._send(how)
        return True

    def _send(self, how: signal.Signals) -> None:
        if self.pid:
            os.kill(self.pid, how)


def read_memory(pid: int) -> float:
    """Return the resident memory of a process, in MiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    message = "the process has no memory"
    raise LookupError(message)
