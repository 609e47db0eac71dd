"""The house rules that import-linter holds, each shown to fail when it is broken."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.house_figures import Figure, count_session, count_structure

# Where the code is over the limit that it aims at, it must not go further.
TODAY = {
    "lines of bot/": 24_246,
}

BREACHES = {
    "Imports go down, never up": ("bot/models.py", "import bot.parsing"),
    "Features build on each other in one direction": (
        "bot/features/alerts/alerts.py",
        "import bot.features.reports.reports",
    ),
    "A message takes one way through the dispatcher": (
        "bot/dispatcher/user_queues.py",
        "import bot.dispatcher.responder",
    ),
    "A due time takes one way through the scheduler": (
        "bot/scheduler/tasks.py",
        "import bot.scheduler.scheduler",
    ),
    "Commands know nothing of each other": ("bot/commands/help.py", "import bot.commands.session"),
    "Commands and pages reach the outside only through features": (
        "bot/commands/help.py",
        "import bot.rocketchat.client",
    ),
    "The simulator imports nothing of the bot": (
        "rocketchat_simulator/person.py",
        "import bot.models",
    ),
    "The simulator's imports go down, never up": (
        "rocketchat_simulator/faults.py",
        "import rocketchat_simulator.server",
    ),
    "The parts of a simulated workspace build on each other in one direction": (
        "rocketchat_simulator/workspace/events.py",
        "import rocketchat_simulator.workspace.rooms",
    ),
    "No cycles inside the simulator": (
        "rocketchat_simulator/realtime/frames.py",
        "import rocketchat_simulator.realtime.streams",
    ),
    "Only the demo imports the simulator": ("bot/app.py", "import rocketchat_simulator.person"),
    "Only app, cli, admin and demo read the configuration": (
        "bot/delivery/reply_throttle.py",
        "import bot.config",
    ),
    "Only the shared scheduler knows procrastinate": (
        "bot/scheduler/scheduler.py",
        "import procrastinate",
    ),
    "Only the vault imports cryptography": ("bot/storage/inbox.py", "import cryptography"),
    "Only rocketchat/realtime knows rocketchat-async and websockets": (
        "bot/rocketchat/client.py",
        "import websockets",
    ),
    "Only rocketchat, web and the probe of check speak HTTP": (
        "bot/delivery/reply_sender.py",
        "import aiohttp",
    ),
    "Only the timeline image knows Pillow": ("bot/features/reports/pictures.py", "import PIL"),
    "Only one module reads the database of places": ("bot/app.py", "import maxminddb"),
    "Only storage and the features' stores import SQLAlchemy": ("bot/app.py", "import sqlalchemy"),
}


def lint(folder: Path) -> str:
    program = Path(sys.executable).with_name("lint-imports")
    result = subprocess.run(  # noqa: S603 - our own tool on our own tree
        [program, "--no-cache"], cwd=folder, capture_output=True, text=True, check=False
    )
    return result.stdout + result.stderr


def copy_house(source: Path, folder: Path) -> Path:
    for package in ("bot", "rocketchat_simulator"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(source / package, folder / package, ignore=ignored)
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


def check(results: list[Figure]) -> None:
    sys.stdout.write("\n".join(map(str, results)))
    limits = {each.name: TODAY.get(each.name, each.limit) for each in results}
    assert [each for each in results if each.value > limits[each.name]] == [], limits


def test_the_structure_is_within_its_limits() -> None:
    check(count_structure())


def test_the_page_shows_the_values_of_today(pytestconfig: pytest.Config) -> None:
    page = (pytestconfig.rootpath / "docs" / "architecture.md").read_text()
    rows = re.findall(r"^\| (.+?) \| ([\d,]+)(?: \*)? \| ([\d,]+) \|$", page, re.MULTILINE)
    shown = {name: int(value.replace(",", "")) for name, value, _ in rows}
    for figure in count_structure():
        # Every change changes the lines a little.
        assert abs(shown[figure.name] - figure.value) <= (300 if "lines of" in figure.name else 0)


def test_the_way_of_a_session_command_is_within_its_limits() -> None:
    check(count_session())
