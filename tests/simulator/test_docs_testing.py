"""The page on testing a bot: its code runs, and it names every fault."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from rocketchat_simulator.faults import Faults
from rocketchat_simulator.realtime.stream_faults import StreamFaults
from rocketchat_simulator.workspace.message_updates import MessageUpdates

PYTHON = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SETTINGS = """[pytest]
asyncio_mode = auto
asyncio_default_fixture_loop_scope = function
filterwarnings = error
"""
# What the simulator itself uses of them.
INNER = {
    "pass_on",
    "middleware",
    "outage",
    "lose",
    "repeat",
    "hold",
    "release",
    "has_failed",
    "is_away",
}
SWITCHES = (
    *("restart", "outage", "skew", "use_up", "drop_all", "close_all", "hang", "lose_subscriptions"),
    *("lose_messages", "repeat_messages", "hold_messages", "release_messages", "slowness"),
    *("is_streamer", "has_greeting", "ping_after", "pong_within", "wait_for_listener"),
)


@pytest.fixture
def page(pytestconfig: pytest.Config) -> str:
    return (pytestconfig.rootpath / "docs" / "testing-a-bot.md").read_text()


def test_all_the_code_on_the_page_runs(page: str, tmp_path: Path) -> None:
    blocks = PYTHON.findall(page)
    (tmp_path / "pytest.ini").write_text(SETTINGS)
    plugins = [block for block in blocks if block.startswith("pytest_plugins")]
    (tmp_path / "conftest.py").write_text("\n".join(plugins))
    tests = [block for block in blocks if block not in plugins]
    (tmp_path / "test_page.py").write_text("\n\n".join(tests))
    run = subprocess.run(  # noqa: S603 - our own page
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    passed = re.search(r"(\d+) passed", run.stdout)
    assert passed
    assert int(passed[1]) >= page.count("async def test_")


def test_the_page_names_every_fault(page: str) -> None:
    found = {name for kind in (Faults, StreamFaults, MessageUpdates) for name in vars(kind)}
    public = {name for name in found if not name.startswith("_")} - INNER
    missing = [name for name in sorted({*public, *SWITCHES}) if name not in page]
    assert not missing
