"""The simulator as a program of its own, with its commands, and what it needs to run."""

import json
import os
import signal
import socket
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest

from rocketchat_simulator.__main__ import main

START: Final = [sys.executable, "-m", "rocketchat_simulator", "--port", "0"]
LIST_MODULES: Final = """
import json, sys
import rocketchat_simulator.__main__
names = {name.partition(".")[0] for name in sys.modules}
print(json.dumps(sorted(names - sys.stdlib_module_names)))
"""
NEEDS_OF_AIOHTTP: Final = {
    *("aiohappyeyeballs", "aiosignal", "attr", "attrs", "frozenlist", "idna", "multidict"),
    *("propcache", "yarl", "typing_extensions"),
}

OTHERS: Final = {"rocketchat_simulator", "markupsafe", "cython_runtime"}


@pytest.fixture(scope="module")
def program() -> Iterator[subprocess.Popen[str]]:
    users = ["--user", "ann", "--user", "echo:secret:user,bot", "--server", "8.8"]
    with subprocess.Popen(  # noqa: S603 - our own program
        [*START, *users, "--control"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process


@pytest.fixture(scope="module")
def site(program: subprocess.Popen[str]) -> dict[str, Any]:
    assert program.stdout
    found: dict[str, Any] = json.loads(program.stdout.readline())
    return found


def run(program: subprocess.Popen[str], **command: object) -> Any:  # noqa: ANN401 - an answer in JSON
    assert program.stdin
    assert program.stdout
    program.stdin.write(json.dumps(command) + "\n")
    program.stdin.flush()
    return json.loads(program.stdout.readline())


async def test_its_first_line_is_enough_to_call_it(site: dict[str, Any]) -> None:
    ann, echo = site["users"]
    headers = {"X-User-Id": echo["user_id"], "X-Auth-Token": echo["token"]}
    async with aiohttp.ClientSession(site["url"], headers=headers) as http:
        async with http.get("/api/v1/me") as response:
            me = await response.json()
        async with http.post("/api/v1/login", json={"user": "ann", "password": "ann"}) as response:
            status = response.status
        async with http.get("/api/info") as response:
            version = (await response.json())["version"]

    assert (me["username"], me["roles"], echo["password"]) == ("echo", ["user", "bot"], "secret")
    assert (ann["password"], status, version) == ("ann", 200, "8.8")
    assert list(site["rooms"]) == ["general"]


def test_commands_act_in_the_workspace(
    program: subprocess.Popen[str], site: dict[str, Any]
) -> None:
    said = run(program, do="say", user="ann", room="@echo", text="hello")
    listed = run(program, do="messages", user="echo", room="@ann")
    rest = [
        run(program, do="drop"),
        run(program, do="close", code=1012),
        run(program, do="restart", seconds=0),
        run(program, do="outage", kind="UNAVAILABLE", seconds=0),
        run(program, do="lose_messages", times=1),
        run(program, do="fail_next", route="me", status=502),
        run(program, do="advance", seconds=60),
        run(program, do="requests"),
    ]

    assert said["result"]["rid"] == listed["result"][0]["rid"]
    assert [each["msg"] for each in listed["result"]] == ["hello"]
    assert all(answer["ok"] for answer in rest)
    assert site["url"].startswith("http://127.0.0.1:")


@pytest.mark.parametrize(
    "command",
    [
        {"do": "dance"},
        {"do": "say", "user": "nobody", "room": "general", "text": ""},
        {"do": "say"},
    ],
)
def test_a_wrong_command_is_answered(
    program: subprocess.Popen[str], site: dict[str, Any], command: dict[str, object]
) -> None:
    answer = run(program, **command)

    assert (answer["ok"], bool(answer["error"])) == (False, True)
    assert site


def test_it_ends_at_a_signal_and_with_its_input(
    program: subprocess.Popen[str], site: dict[str, Any]
) -> None:
    with subprocess.Popen(START, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as other:  # noqa: S603 - our own program
        assert other.stdout
        other.stdout.readline()
        os.kill(other.pid, signal.SIGTERM)
        assert other.wait(10) == 0
    assert program.stdin
    program.stdin.close()
    assert program.wait(10) == 0
    assert site


def test_a_port_in_use_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SystemExit) as ended:
            main(["--port", str(port)])

    assert str(ended.value).startswith(f"Cannot listen on 127.0.0.1:{port}: ")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--port", "80000"], "80000 is not a port from 0 to 65535"),
        (["--server", "5.0"], "invalid choice: '5.0'"),
        (["--port", "0", "--user", "ann", "--user", "Ann"], "Ann is already in use :("),
    ],
)
def test_wrong_options_are_named(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)

    assert said in f"{ended.value}\n{capsys.readouterr().err}"


def test_it_needs_only_what_its_extra_names(pytestconfig: pytest.Config) -> None:
    ended = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", LIST_MODULES], capture_output=True, text=True, check=True
    )
    loaded = {name for name in json.loads(ended.stdout) if not name.startswith("_")}
    project = tomllib.loads(Path(pytestconfig.rootpath / "pyproject.toml").read_text())
    extra = project["project"]["optional-dependencies"]["simulator"]
    named = {need.partition(">")[0] for need in extra}

    assert {"aiohttp", "emoji", "jinja2"} == named
    assert not loaded - named - NEEDS_OF_AIOHTTP - OTHERS
