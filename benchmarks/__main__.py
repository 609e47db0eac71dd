"""``python -m benchmarks``: measures everything, or what ``--only`` names; writes the report."""

import argparse
import asyncio
import sys
from pathlib import Path
from time import monotonic

from benchmarks import machine
from benchmarks.bench import Bench
from benchmarks.contestants import ALL
from benchmarks.environments import FOLDER, find_python
from benchmarks.picture import draw
from benchmarks.report import format_report, format_targets
from benchmarks.results import Results
from benchmarks.scenarios import SCENARIOS

_HOME = Path(__file__).parent
_REPETITIONS = 7


def main() -> int:
    """Read the command line and measure."""
    asked = _parse_arguments()
    names = [name for name in SCENARIOS if not asked.only or name in asked.only]
    bench = Bench(repetitions=2, scale=0.2) if asked.quick else Bench(repetitions=_REPETITIONS)
    started, described = monotonic(), machine.describe()
    results = asyncio.run(_measure(bench, names))
    minutes = (monotonic() - started) / 60
    is_whole = not asked.quick and names == list(SCENARIOS)
    settings = f"{bench.repetitions} repetitions, {minutes:.0f} minutes"
    folder = _HOME if is_whole else FOLDER
    path = _write(folder, [*described], settings, results)
    bench.tell(format_targets([target for each in results.values() for target in each.targets]))
    bench.tell(f"Written to {path}" + ("" if is_whole else ", as this was not the whole run"))
    return 0


async def _measure(bench: Bench, names: list[str]) -> dict[str, Results]:
    FOLDER.mkdir(exist_ok=True)
    for contestant in ALL:
        await find_python(contestant)
    results = {}
    for name in names:
        start = monotonic()
        bench.tell(f"{name}: {SCENARIOS[name].title}")
        results[name] = await SCENARIOS[name].run(bench)
        bench.tell(f"{name}: {monotonic() - start:.0f} s")
    return results


def _write(folder: Path, described: list[str], settings: str, results: dict[str, Results]) -> Path:
    bars = [bar for each in results.values() for bar in each.bars]
    if bars:
        (folder / "results.svg").write_text(draw(bars))
    report = format_report(described, settings, results, "results.svg" if bars else "")
    path = folder / "RESULTS.md"
    path.write_text(report)
    return path


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    names = ", ".join(SCENARIOS)
    parser.add_argument("--only", nargs="*", choices=list(SCENARIOS), help=f"some of {names}")
    parser.add_argument("--quick", action="store_true", help="a fifth of it, twice: to develop by")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
