"""The command line itself: the version, completion, wrong words."""

import os
import re
import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import get_args

from bot.cli.running import ServerVersion
from rocketchat_simulator.workspace.versions import VERSIONS
from tests.support.needs import give_up
from tests.support.programs import PROGRAM
from tests.support.shell import Shell

COMPLETE = """
eval "$(session-bot --show-completion)"
COMP_WORDS=(session-bot accounts f) COMP_CWORD=2
_session_bot_completion session-bot
echo "completed: ${COMPREPLY[*]}"
session-bot --install-completion
"""


def test_the_version_is_printed(shell: Shell) -> None:
    result = shell("--version")
    assert (result.exit_code, result.stdout) == (0, f"session-bot {version('session-bot')}\n")


def test_a_version_that_is_not_simulated_is_refused_with_those_that_are(shell: Shell) -> None:
    assert get_args(ServerVersion) == tuple(VERSIONS)
    result = shell("simulate", "--server", "9.0")
    assert result.exit_code == 2
    assert set(re.findall(r"\d\.\d", result.stderr)) == {"9.0", *VERSIONS}


def test_init_with_any_option_asks_nothing(shell: Shell) -> None:
    result = shell("init", "--port", "8080")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "--workspace is missing" in result.stderr


def test_bash_completes_commands(tmp_path: Path) -> None:
    bash = shutil.which("bash")
    if bash is None:
        give_up("bash is not installed")
    path = f"{Path(PROGRAM).parent}:{os.environ['PATH']}"
    result = subprocess.run(  # noqa: S603 - the system's own program
        [bash, "--norc", "-c", COMPLETE],
        env={"PATH": path, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "completed: forget\n" in result.stdout, result.stdout + result.stderr
    assert "_session_bot_completion" in "".join(
        file.read_text() for file in tmp_path.rglob("*") if file.is_file()
    )
