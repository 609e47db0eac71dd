"""Run faults and kills while people talk; exit with 1 if the bot fails (``make torture``)."""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from tests.stress.shared import open_database_url
from tests.stress.torture.clock_jumps import try_clock_jumps
from tests.stress.torture.fairness import try_flood
from tests.stress.torture.hung_database import try_hung_database
from tests.stress.torture.idle_sockets import try_idle_sockets
from tests.stress.torture.memory import MemoryPlan, measure_memory
from tests.stress.torture.plan import Amount, Plan
from tests.stress.torture.report import format_outcome
from tests.stress.torture.run import torture

_FULL_S = 600.0
_CHECKS = (try_flood, try_hung_database, try_idle_sockets, try_clock_jumps)


def main() -> int:
    """Read the command line and run."""
    asked = _parse_arguments()
    if asked.memory:
        growth = asyncio.run(measure_memory(MemoryPlan(), _tell))
        return 0 if growth.is_small else 1
    are_passed = asyncio.run(_run_checks(asked.trial_seconds))
    if not asked.seconds:
        return 0 if are_passed else 1
    minimum = _scale_minimum(asked.seconds)
    with open_database_url(
        asked.database or ("sqlite" if asked.bots == 1 else "postgresql")
    ) as url:
        plan = Plan(
            seconds=asked.seconds,
            minimum=minimum,
            seed=asked.seed,
            bots=asked.bots,
            storage_url=url,
            people=asked.people,
            folder=asked.folder,
            tell=_tell,
        )
        outcome = asyncio.run(torture(plan))
    _tell(f"seed: {asked.seed}, bots: {asked.bots}, seconds: {asked.seconds:g}")
    _tell(format_outcome(outcome))
    if not outcome.tried.reaches(minimum):
        _tell(f"too little was tried, the machine being busy: less than {minimum}")
        return 1
    return 0 if outcome.is_clean and are_passed else 1


async def _run_checks(seconds: float) -> bool:
    """Run each check for about so many seconds; return whether all passed. None run for 0."""
    are_passed = True
    for check in _CHECKS if seconds else ():
        with tempfile.TemporaryDirectory(prefix="torture-") as folder:
            result = await check(Path(folder), seconds)
        _tell(str(result))
        are_passed = are_passed and result.is_passed
    return are_passed


def _scale_minimum(seconds: float) -> Amount:
    """Return what ten minutes must try, or the share of it for fewer."""
    share = min(1.0, seconds / _FULL_S)
    return Amount(int(5000 * share), int(300 * share), int(100 * share))


def _tell(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - what was asked for


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.stress.torture", description=__doc__)
    parser.add_argument("--seconds", type=float, default=_FULL_S, help="how long things go wrong")
    parser.add_argument(
        "--trial-seconds",
        type=float,
        default=30.0,
        help="how long each of these lasts before: a flood, a database that hangs, idle sockets, a"
        " clock that jumps; 0 for none",
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--bots", type=int, default=1)
    parser.add_argument("--people", type=int, default=60)
    parser.add_argument(
        "--database",
        default="",
        help="an address, sqlite, or postgresql, which starts a server; the default is sqlite for"
        " one bot, else postgresql",
    )
    parser.add_argument("--folder", type=Path, help="where to keep logs and database")
    parser.add_argument("--memory", action="store_true", help="only measure how memory grows")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
