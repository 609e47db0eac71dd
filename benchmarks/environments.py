"""The peers' own environments: installed from PyPI once, and kept in ``.bench/``."""

import asyncio
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

from benchmarks.contestants import Contestant

FOLDER = Path(".bench")
_UV = Path(".tools/bin/uv")


async def find_python(contestant: Contestant) -> Path:
    """Return the Python that runs a contestant; install what it needs where it is not there."""
    if not contestant.packages:
        return Path(sys.executable)
    home = FOLDER / contestant.environment
    done, wanted = home / "installed.txt", "\n".join(contestant.packages)
    if not done.exists() or done.read_text() != wanted:
        await _run("venv", "--quiet", "--clear", "--python", sys.executable, str(home))
        packages = ("--quiet", "--python", str(home / "bin/python"), *contestant.packages)
        await _run("pip", "install", *packages)
        done.write_text(wanted)
    return home.absolute() / "bin/python"


async def _run(*words: str) -> None:
    process = await asyncio.create_subprocess_exec(_UV, *words, stderr=PIPE)
    _, said = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"uv {' '.join(words)}: {said.decode().strip()}")
