"""The house rules that import-linter holds, each shown to fail when it is broken."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

BREACHES = {
    "Imports go down, never up": ("bot/models.py", "import bot.parsing"),
    "A message goes one way through the dispatcher": (
        "bot/dispatcher/lanes.py",
        "import bot.dispatcher.answers",
    ),
    "A due time goes one way through the scheduler": (
        "bot/scheduler/errands.py",
        "import bot.scheduler.loop",
    ),
    "Only the jobs know procrastinate": ("bot/scheduler/loop.py", "import procrastinate"),
    "Commands know nothing of each other": ("bot/commands/help.py", "import bot.commands.session"),
    "Commands and web reach the outside only through services": (
        "bot/commands/help.py",
        "import bot.rocketchat.rest",
    ),
    "The simulator imports nothing of the bot": ("bot/simulator/person.py", "import bot.models"),
    "Only app, cli and the demo read the configuration": (
        "bot/services/rooms.py",
        "import bot.config",
    ),
    "Only the vault imports cryptography": ("bot/storage/inbox.py", "import cryptography"),
    "Only the realtime room knows rocketchat-async and websockets": (
        "bot/rocketchat/rest.py",
        "import websockets",
    ),
    "Only rocketchat, web and the simulator speak HTTP": ("bot/delivery.py", "import aiohttp"),
    "Only the drawing knows Pillow": ("bot/services/pictures.py", "import PIL"),
    "Only storage imports SQLAlchemy and alembic": ("bot/app.py", "import sqlalchemy"),
}


def lint(folder: Path) -> str:
    program = Path(sys.executable).with_name("lint-imports")
    result = subprocess.run(  # noqa: S603 - our own tool on our own tree
        [program, "--no-cache"], cwd=folder, capture_output=True, text=True, check=False
    )
    return result.stdout + result.stderr


def copy_house(source: Path, folder: Path) -> Path:
    shutil.copytree(source / "bot", folder / "bot", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(source / "pyproject.toml", folder)
    return folder


@pytest.mark.parametrize("contract", BREACHES)
def test_a_contract_fails_when_it_is_broken(
    contract: str, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    house = copy_house(pytestconfig.rootpath, tmp_path)
    file, line = BREACHES[contract]
    path = house / file
    path.write_text(path.read_text() + f"\n{line}\n")
    assert f"{contract} BROKEN" in lint(house)


def test_a_new_room_must_be_given_a_floor(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    house = copy_house(pytestconfig.rootpath, tmp_path)
    (house / "bot" / "attic.py").write_text("")
    assert "attic" in lint(house)


def test_every_contract_has_its_breach(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    found = lint(copy_house(pytestconfig.rootpath, tmp_path))
    assert "0 broken" in found
    assert f"Contracts: {len(BREACHES)} kept" in found
