"""A new command is one file: the one that docs/architecture.md shows, copied in and used."""

import re
import shutil
import sys
from pathlib import Path

import pytest

from tests.support.programs import run_to_its_end


def drop_in(house: Path, root: Path) -> None:
    shutil.copytree(root / "bot", house / "bot", ignore=shutil.ignore_patterns("__pycache__"))
    shown = (root / "docs" / "architecture.md").read_text()
    [example] = re.findall(r"```python\n(.*?)```", shown, re.DOTALL)
    (house / "bot" / "commands" / "count.py").write_text(example)


async def say(house: Path, text: str) -> str:
    status, output, errors = await run_to_its_end(
        "-m", "bot", "demo", "--say", text, command=(sys.executable,), cwd=house
    )
    assert status == 0, errors
    return output


async def test_dropping_in_a_file_is_enough(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    drop_in(tmp_path, pytestconfig.rootpath)
    assert await say(tmp_path, "!count") == "9 devices\n"
    assert "Count the devices that are signed in as you." in await say(tmp_path, "!help")
    assert "Did you mean `!count`?" in await say(tmp_path, "!cuont")
