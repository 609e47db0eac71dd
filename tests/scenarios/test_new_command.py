"""A new command is one file: the one that docs/architecture.md shows, dropped in and talked to."""

import asyncio
import re
import shutil
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest


def drop_in(house: Path, root: Path) -> None:
    shutil.copytree(root / "bot", house / "bot", ignore=shutil.ignore_patterns("__pycache__"))
    shown = (root / "docs" / "architecture.md").read_text()
    [example] = re.findall(r"```python\n(.*?)```", shown, re.DOTALL)
    (house / "bot" / "commands" / "count.py").write_text(example)


async def say(house: Path, text: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", "demo", "--say", text), cwd=house, stdout=PIPE, stderr=PIPE
    )
    async with asyncio.timeout(30):
        output, errors = await process.communicate()
    assert process.returncode == 0, errors
    return output.decode()


async def test_dropping_in_a_file_is_enough(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    drop_in(tmp_path, pytestconfig.rootpath)
    assert await say(tmp_path, "!count") == "9 devices\n"
    assert "Count the devices that are signed in as you." in await say(tmp_path, "!help")
    assert "Did you mean `!count`?" in await say(tmp_path, "!cuont")
