"""The house rules that import-linter holds, each shown to fail when it is broken."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.house_figures import Figure, count_session, count_structure

# Looser than the limits until the rebuilding of issue 17 is done.
TODAY = {
    "rooms at the top of bot/": 23,
    "lines of bot/": 18_500,
    "files that build": 3,
    "carrier classes": 2,
    "longest module (lines)": 562,
    "modules in one !session": 48,
}

BREACHES = {
    "Imports go down, never up": ("bot/models.py", "import bot.parsing"),
    "Commands know nothing of each other": ("bot/commands/help.py", "import bot.commands.session"),
    "The simulator and the bot know nothing of each other": (
        "rocketchat_simulator/person.py",
        "import bot.models",
    ),
    "Only the vault imports cryptography": ("bot/storage/inbox.py", "import cryptography"),
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


def check_figures(figures: list[Figure]) -> None:
    sys.stdout.write("\n".join(map(str, figures)))
    over = [figure for figure in figures if figure.value > TODAY.get(figure.name, figure.limit)]
    assert not over


def test_the_structure_is_within_its_limits() -> None:
    check_figures(count_structure())


def test_the_way_of_a_session_command_is_within_its_limits() -> None:
    check_figures(count_session())
