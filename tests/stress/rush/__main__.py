"""Make everybody's report due in one minute; exit with 1 if one is lost (``make rush``)."""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from tests.stress.rush.run import Outcome, Plan, rush
from tests.stress.shared import open_database_url

_MAX_SLOWER = 1.2


def main() -> int:
    """Read the command line and run."""
    asked = _parse_arguments()
    kinds = ("postgresql", "sqlite") if asked.database == "both" else (asked.database,)
    outcomes = [_run(kind, asked) for kind in kinds]
    return 0 if all(outcome.hard.counts.is_clean for outcome in outcomes) else 1


def _run(kind: str, asked: argparse.Namespace) -> Outcome:
    with tempfile.TemporaryDirectory(prefix="rush-") as name, open_database_url(kind) as url:
        folder = asked.folder / kind if asked.folder else Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        processes = asked.processes if kind == "postgresql" else 1
        _tell(f"{kind}, processes: {processes}")
        plan = Plan(asked.due, asked.asking, processes, url, asked.quiet)
        outcome = asyncio.run(rush(plan, folder, _tell))
        _tell_difference(outcome)
        return outcome


def _tell_difference(outcome: Outcome) -> None:
    if outcome.calm is not None:
        quotient = outcome.calm.waits.p95 / outcome.quiet.p95
        verdict = "within 20 %" if quotient <= _MAX_SLOWER else "MORE than 20 %"
        _tell(f"p95 of people's commands in the burst: {quotient - 1:+.0%}, {verdict}")
    for name in ("twice", "lost", "unexpected"):
        if found := getattr(outcome.hard.counts, name):
            _tell(f"{name}: {', '.join(found[:10])}")
    _tell(f"ends: {dict(outcome.ends)}")


def _tell(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - what was asked for


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.stress.rush", description=__doc__)
    parser.add_argument("--due", type=int, default=1000, help="whose reports are due")
    parser.add_argument("--asking", type=int, default=20, help="how many others ask meanwhile")
    parser.add_argument("--processes", type=int, default=2, help="on PostgreSQL")
    parser.add_argument("--quiet", type=float, default=60.0, help="seconds before it begins")
    parser.add_argument("--database", choices=("both", "postgresql", "sqlite"), default="both")
    parser.add_argument("--folder", type=Path, help="where to keep logs and database; made")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
