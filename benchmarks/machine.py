"""The machine that is measured on: its processors, and what processes use of it."""

import os
import platform
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

_MIB = 1024
_CPU_CLOCK = 2


def find_processors() -> tuple[set[int], set[int]]:
    """Return the processors for the workspace and for the contestant; the same where one is all."""
    allowed = sorted(os.sched_getaffinity(0))
    return {allowed[0]}, {allowed[-1]}


def pin(pid: int, processors: set[int]) -> None:
    """Keep a process, and what it will start, on these processors."""
    with suppress(ProcessLookupError):
        os.sched_setaffinity(pid, processors)


def read_cpu_time(pid: int) -> float:
    """Return the CPU time of a process with all its threads, in seconds; 0 where it is gone."""
    try:
        return time.clock_gettime((~pid << 3) | _CPU_CLOCK)
    except OSError:
        return 0.0


def read_memory(pid: int) -> float:
    """Return the resident memory of a process, in MiB; 0 where it is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    found = [line.split()[1] for line in status.splitlines() if line.startswith("VmRSS:")]
    return int(found[0]) / _MIB if found else 0.0


def describe() -> list[str]:
    """Describe the machine, for a report."""
    load = os.getloadavg()[0]
    return [
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        f"{len(os.sched_getaffinity(0))} x {_find_processor_name()}",
        f"{platform.system()} {platform.release().split('-')[0]}",
        f"Python {platform.python_version()}",
        f"load before the run {load:.2f}",
    ]


def _find_processor_name() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
