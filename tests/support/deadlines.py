"""How long tests wait for something before they fail: longer on a slow or busy machine.

A deadline only ends what would never happen, so it costs nothing where tests pass. The machine is
measured once per process, by how long an interpreter takes to start beside everything else that
runs.
"""

import subprocess
import sys
import time

_IDLE_START_S = 0.05  # of an interpreter that imports nothing, on an idle machine of 2024
_MAX_SLOWNESS = 10.0


def measure_slowness() -> float:
    """Return how many times slower than an idle machine this one is, from 1 to 10."""
    began = time.monotonic()
    subprocess.run([sys.executable, "-S", "-c", ""], check=True)
    return min(_MAX_SLOWNESS, max(1.0, (time.monotonic() - began) / _IDLE_START_S))


SLOWNESS = measure_slowness()
# For what takes about a second on an idle machine.
DEADLINE_S = 30.0 * SLOWNESS
# For programs to start, do their work and end.
PROGRAM_DEADLINE_S = 2 * DEADLINE_S
# For a whole test; the tests' own deadlines come first and say more.
TEST_TIMEOUT_S = 10 * DEADLINE_S
