"""How the program and its extras are installed: as the documents and the errors say."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

# A name that a place follows, as in "session-bot @ git+https://…", is asked of no index.
FROM_AN_INDEX = re.compile(
    r"(pip|pipx|uv tool|uvx?)( install| add)? +['\"]?session[-_]bot\b(?!(\[\w+\])? @ )"
)
TEXTS = ("*.md", "*.toml", "*.py", "*.yaml", "*.yml", "*.service", "Makefile", "Containerfile")


def read_texts(root: Path) -> dict[str, str]:
    """Return the text of every file that tells people something, by its path."""
    folders = [root, *(each for each in root.iterdir() if each.is_dir() and each.name != "tests")]
    paths = [
        path
        for folder in folders
        if folder == root or not folder.name.startswith(".") or folder.name == ".github"
        for pattern in TEXTS
        for path in (folder.glob(pattern) if folder == root else folder.rglob(pattern))
    ]
    return {str(path.relative_to(root)): path.read_text() for path in paths}


def test_nothing_says_that_the_program_is_on_a_package_index(pytestconfig: pytest.Config) -> None:
    texts = read_texts(pytestconfig.rootpath)
    assert {"README.md", "bot/errors.py", "docs/operating.md", "config.example.toml"} <= set(texts)
    found = [name for name, text in texts.items() if FROM_AN_INDEX.search(text)]
    assert not found
    for word in ("pip install session-bot", "pip install 'session-bot[places]'", "uvx session-bot"):
        assert FROM_AN_INDEX.search(word)


def test_every_extra_that_is_named_is_one_and_make_passes_it_on(
    pytestconfig: pytest.Config,
) -> None:
    root = pytestconfig.rootpath
    extras = tomllib.loads((root / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    named = re.findall(r'EXTRAS="?(\w+)', "\n".join(read_texts(root).values()))
    assert {"places", "postgresql"} <= set(named) <= extras.keys()
    shown = subprocess.run(
        ["make", "--dry-run", "install", "EXTRAS=postgresql places"],  # noqa: S607 - the machine's
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "sync --frozen" in shown.stdout
    assert "--extra postgresql --extra places" in shown.stdout
    # A service would compile everything at each start, which then takes three times as long.
    assert "--compile-bytecode" in shown.stdout
    assert "compileall -q bot rocketchat_simulator" in shown.stdout
