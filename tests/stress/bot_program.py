"""The bot as a program that is started again whenever it ends, and killed or stopped meanwhile."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections import Counter
from contextlib import suppress
from pathlib import Path

from tests.support.deadlines import PROGRAM_DEADLINE_S

STOPPED_EARLY = "stopped before it could listen to signals"
_STARTER = str(Path(__file__).with_name("starter.py"))


class BotProgram:
    """One bot process after another, whose logs go into one file.

    ``ends`` counts how they ended; several programs may share one counter.
    """

    def __init__(self, config: Path, log: Path, ends: Counter[str]) -> None:
        self._config = config
        self._log = log
        log.touch()
        self._expected_end = ""
        self._is_over = False
        self._has_ended = asyncio.Event()
        self._log_start = 0
        self.pid = 0
        """The process; 0 while there is none."""
        self.kills = 0
        self.ends = ends

    async def run(self) -> None:
        """Keep it running until ``end`` or a last ``kill``; no process is left afterwards."""
        with self._log.open("ab") as log:
            starter = await asyncio.create_subprocess_exec(
                *(sys.executable, _STARTER, str(self._config)),
                stdin=PIPE,
                stdout=PIPE,
                stderr=log,
                start_new_session=True,
            )
        try:
            while not self._is_over:
                await self._run_once(starter)
        finally:
            # The starter and the bot that it may have forked just now.
            with suppress(ProcessLookupError):
                os.killpg(starter.pid, signal.SIGKILL)
            await starter.communicate()

    async def wait_until_listening(self, timeout_s: float = PROGRAM_DEADLINE_S) -> None:
        """Wait until this process has listened; raise TimeoutError."""
        async with asyncio.timeout(timeout_s):
            while not self._has_listened():  # noqa: ASYNC110 - a file tells nobody
                await asyncio.sleep(0.05)

    def kill(self, *, is_last: bool = False) -> bool:
        """Kill it at once; return False where it does not run, or is about to end.

        The last one is not started again.
        """
        self._is_over = self._is_over or is_last
        return self._end_with(signal.SIGKILL, "killed")

    def stop(self) -> bool:
        """Ask it to stop in good order; return False as ``kill`` does."""
        return self._end_with(signal.SIGTERM, "stopped")

    async def end(self) -> None:
        """Stop it and start no other."""
        self._is_over = True
        if self.stop() or (self._expected_end and self.pid):
            try:
                async with asyncio.timeout(PROGRAM_DEADLINE_S):
                    await self._has_ended.wait()
            except TimeoutError:
                self.ends["did not stop in time"] += 1
                self._send(signal.SIGKILL)

    def _has_listened(self) -> bool:
        with self._log.open("rb") as log:
            log.seek(self._log_start)
            return b'"listening"' in log.read()

    async def _run_once(self, starter: Process) -> None:
        if starter.stdin is None or starter.stdout is None:
            return
        self._expected_end = ""
        self._has_ended.clear()
        self._log_start = self._log.stat().st_size
        starter.stdin.write(b"\n")
        self.pid = int(await starter.stdout.readline())
        if self._is_over:
            self.stop()
        status = int(await starter.stdout.readline())
        self.pid = 0
        self._has_ended.set()
        self._count_end(status)

    def _count_end(self, status: int) -> None:
        if not self._expected_end:
            self.ends[f"ended by itself with status {status}"] += 1
        elif self._expected_end == "stopped" and status == -signal.SIGTERM:
            self.ends[STOPPED_EARLY] += 1
        elif self._expected_end == "stopped" and status != 0:
            self.ends[f"stopped with status {status}"] += 1
        else:
            self.kills += self._expected_end == "killed"
            self.ends[self._expected_end] += 1

    def _end_with(self, how: signal.Signals, name: str) -> bool:
        if not self.pid or self._expected_end:
            return False
        self._expected_end = name
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
