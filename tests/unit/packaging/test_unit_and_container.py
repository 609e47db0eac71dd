"""The unit and the container file, as far as they can be checked without running them."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bot.web.server import make_health_app, open_web_server
from tests.support.needs import give_up
from tests.support.programs import run_to_its_end


def test_systemd_understands_the_unit(pytestconfig: pytest.Config, tmp_path: Path) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        give_up("systemd-analyze is not installed")
    text = (pytestconfig.rootpath / "packaging" / "session-bot.service").read_text()
    unit = tmp_path / "session-bot.service"
    # It looks for the program, which is installed elsewhere here.
    unit.write_text(text.replace("/opt/session-bot/.venv/bin/session-bot", sys.executable))
    found = subprocess.run(  # noqa: S603 - the system's own program
        [program, "verify", str(unit)], capture_output=True, text=True, check=False
    )
    assert (found.returncode, found.stdout + found.stderr) == (0, "")


def test_commands_beside_the_unit_have_its_user_its_folder_and_its_configuration(
    pytestconfig: pytest.Config, tmp_path: Path
) -> None:
    packaging = pytestconfig.rootpath / "packaging"
    asked = tmp_path / "systemd-run"
    asked.write_text("#!/bin/sh\nprintf '%s\\n' \"$@\"\n")
    asked.chmod(0o755)
    words = subprocess.run(  # noqa: S603 - our own script
        [packaging / "session-bot-admin", "accounts", "audit", "two words"],
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    unit = (packaging / "session-bot.service").read_text().splitlines()
    [start] = [line.removeprefix("ExecStart=") for line in unit if line.startswith("ExecStart=")]
    program, _, *configuration = start.split()
    assert words[words.index(program) :] == [
        program,
        *("accounts", "audit", "two words"),
        *configuration,
    ]
    properties = {word.removeprefix("--property=") for word in words if "--property=" in word}
    # The unit's user has the unit's name; systemd.exec, "DynamicUser".
    assert properties - set(unit) == {"User=session-bot", "WorkingDirectory=/var/lib/session-bot"}
    for name in ("DynamicUser=", "StateDirectory=", "LoadCredential=", "UMask=", "LimitCORE="):
        assert any(each.startswith(name) for each in properties), name


def test_no_core_dump_is_written(pytestconfig: pytest.Config) -> None:
    unit = (pytestconfig.rootpath / "packaging" / "session-bot.service").read_text()
    assert "LimitCORE=0" in unit.splitlines()
    assert "--ulimit core=0" in (pytestconfig.rootpath / "Containerfile").read_text()


def read_steps(root: Path) -> list[list[str]]:
    text = (root / "Containerfile").read_text().replace("\\\n", " ")
    return [line.split() for line in text.splitlines() if line.strip() and line[0] != "#"]


def test_the_container_file_copies_only_what_is_there_and_not_ignored(
    pytestconfig: pytest.Config,
) -> None:
    root = pytestconfig.rootpath
    ignored = (root / ".dockerignore").read_text().splitlines()
    assert ignored[0] == "*"
    copied = [
        name
        for step in read_steps(root)
        if step[0] == "COPY" and not step[1].startswith("--from")
        for name in step[1:-1]
    ]
    assert sorted(copied) == sorted(line[1:] for line in ignored if line.startswith("!"))
    assert all((root / name).exists() for name in copied)


def test_the_container_runs_the_bot_as_nobody_special(pytestconfig: pytest.Config) -> None:
    steps = read_steps(pytestconfig.rootpath)
    names = [step[0] for step in steps]
    assert steps[names.index("USER")] == ["USER", "10001:10001"]
    assert names.index("USER") < names.index("ENTRYPOINT")
    assert names.count("USER") == 1


async def is_healthy(command: list[str]) -> bool:
    """Run the container's health check."""
    status, _, _ = await run_to_its_end(*command[1:], command=(sys.executable,))
    return status == 0


async def test_the_container_knows_whether_the_bot_is_alive(
    pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    (step,) = [step for step in read_steps(pytestconfig.rootpath) if step[0] == "HEALTHCHECK"]
    command = json.loads(" ".join(step[step.index("CMD") + 1 :]))
    assert command[0] == "python"
    # A proxy that nobody runs: the check must not ask it.
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    async with open_web_server("127.0.0.1", 0) as server:
        url = server.fill_port("http://127.0.0.1:0")
        monkeypatch.setenv("SESSION_BOT_WEB__PORT", url.rpartition(":")[2])
        assert await is_healthy(command)
        async with server.serve(make_health_app(is_alive=lambda: False, is_ready=lambda: False)):
            assert not await is_healthy(command)
    assert not await is_healthy(command)
