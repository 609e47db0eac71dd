"""Run faults and kills while people talk; exit with 1 if the bot fails (``make torture``)."""

import argparse
import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.stress.torture.memory import MemoryPlan, measure_memory
from tests.stress.torture.plan import Amount, Plan
from tests.stress.torture.report import format_outcome
from tests.stress.torture.run import torture
from tests.support.postgres import open_empty_database, open_server

_FULL_SECONDS = 600.0


def main() -> int:
    """Read the command line and run."""
    asked = _parse_arguments()
    if asked.memory:
        growth = asyncio.run(measure_memory(MemoryPlan(), _tell))
        return 0 if growth.is_small else 1
    least = _find_least(asked.seconds)
    with _open_database(asked.database, asked.bots) as database:
        plan = Plan(
            seconds=asked.seconds,
            least=least,
            seed=asked.seed,
            bots=asked.bots,
            database=database,
            people=asked.people,
            folder=asked.folder,
            tell=_tell,
        )
        outcome = asyncio.run(torture(plan))
    _tell(f"seed: {asked.seed}, bots: {asked.bots}, seconds: {asked.seconds:g}")
    _tell(format_outcome(outcome))
    if not outcome.tried.reaches(least):
        _tell(f"too little was tried, the machine being busy: less than {least}")
        return 1
    return 0 if outcome.is_clean else 1


def _find_least(seconds: float) -> Amount:
    """Return what the ten minutes are to hold, or as much of it as fits into fewer."""
    share = min(1.0, seconds / _FULL_SECONDS)
    return Amount(int(5000 * share), int(300 * share), int(100 * share))


def _tell(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - what was asked for


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.stress.torture", description=__doc__)
    parser.add_argument(
        "--seconds", type=float, default=_FULL_SECONDS, help="how long things go wrong"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--bots", type=int, default=1)
    parser.add_argument("--people", type=int, default=60)
    parser.add_argument(
        "--database",
        default="",
        help='an address; "postgresql" alone: a server of its own, as for several bots '
        "without it; else a file",
    )
    parser.add_argument("--folder", type=Path, help="where to keep logs and database")
    parser.add_argument("--memory", action="store_true", help="only measure how memory grows")
    return parser.parse_args()


@contextmanager
def _open_database(asked: str, bots: int) -> Iterator[str]:
    if asked != "postgresql" and (asked or bots == 1):
        yield asked
        return
    with open_server() as server, open_empty_database(server.url) as url:
        yield url


if __name__ == "__main__":
    sys.exit(main())
