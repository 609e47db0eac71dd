"""The simulated workspace and the bot as two programs."""

import socket
import tomllib
from pathlib import Path

from rocketchat_simulator import Person, open_person
from tests.support.people import Conversation
from tests.support.programs import run_program, run_to_its_end, start_program


def write_config(folder: Path, workspace: str) -> Path:
    path = folder / "config.toml"
    path.write_text(
        workspace
        + '\n[web]\npublic_url = "http://127.0.0.1:0"\nport = 0\n'
        + f'\n[storage]\nurl = "sqlite:///{folder / "bot.db"}"\n'
        + '\n[log]\nlevel = "DEBUG"\nformat = "json"\n'
    )
    return path


async def connect_and_ask(person: Person, question: str) -> str:
    alice = Conversation(person, await person.open_direct_room("sessions"))
    status, page = await alice.paste_token(await alice.ask_for_link(question))
    assert status == 200, page
    await alice.hear()
    return await alice.hear()


async def test_the_bot_runs_beside_a_workspace_of_its_own(tmp_path: Path) -> None:
    async with start_program("simulate", "--port", "0") as simulator:
        printed = await simulator.wait_for_output("alice_password")
        found = tomllib.loads(printed)
        config = write_config(tmp_path, printed.partition("[people]")[0])
        async with run_program(config):
            url, password = found["workspace"]["url"], found["people"]["alice_password"]
            async with open_person(url, "alice", password) as alice:
                answer = await connect_and_ask(alice, "!session QoYYFw2t9oKks2niG")
            assert answer.startswith("Chrome 113 on Windows 10 or 11: ")


async def test_the_demo_answers_without_a_browser() -> None:
    status, output, errors = await run_to_its_end("demo", "--say", "!session QoYYFw2t9oKks2niG")
    assert (status, errors) == (0, "")
    for words in ("Chrome 113", "Windows 10", "172.20.0.2", "23 May 2023, 16:33"):
        assert words in output


async def test_the_demo_puts_a_typing_error_right() -> None:
    status, output, _ = await run_to_its_end("demo", "--say", "!sesion x")
    assert status == 0
    assert "Did you mean `!session`?" in output


async def test_a_mistake_in_the_configuration_ends_with_status_2(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text("[workspce]\nurl = 'x'")
    status, _, errors = await run_to_its_end("run", "--config", str(config))
    assert status == 2
    assert "did you mean workspace?" in errors
    assert "Traceback" not in errors


async def test_a_token_that_the_workspace_refuses_ends_with_a_clear_message(
    tmp_path: Path,
) -> None:
    async with start_program("simulate", "--port", "0") as simulator:
        printed = await simulator.wait_for_output("alice_password")
        token = tomllib.loads(printed)["workspace"]["auth_token"]
        wrong = printed.partition("[people]")[0].replace(token, "x" * 43)
        config = write_config(tmp_path, wrong)
        status, _, errors = await run_to_its_end("run", "--config", str(config))
    assert status == 1
    assert "session-bot: " in errors
    assert "Traceback" not in errors


async def test_a_port_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        status, _, errors = await run_to_its_end("demo", "--no-browser", "--port", port)
    assert status == 2
    assert f"port {port} is taken" in errors
