"""The simulated workspace and the bot as programs of their own: two processes, real sockets."""

import asyncio
import socket
import sys
import tomllib
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from bot.demo.demo import find_link, format_as_text
from rocketchat_simulator import Person, open_person

PROGRAM = str(Path(sys.executable).with_name("session-bot"))
DEADLINE = 30


@asynccontextmanager
async def start(*arguments: str) -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(PROGRAM, *arguments, stdout=PIPE, stderr=PIPE)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()


async def read_until(stream: asyncio.StreamReader | None, words: str) -> str:
    assert stream is not None
    read = ""
    async with asyncio.timeout(DEADLINE):
        while words not in read:
            line = (await stream.readline()).decode()
            assert line, f"ended before {words!r}: {read}"
            read += line
    return read


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
    room_id = await person.open_direct_room("sessions")
    await person.say(room_id, question)
    link = find_link(await person.hear(room_id))
    token = await person.make_personal_access_token("session bot")
    status, page = await person.fill_in(link, user_id=person.user_id, token=token)
    assert status == 200, page
    await person.hear(room_id)
    return format_as_text(await person.hear(room_id))


async def test_the_bot_runs_beside_a_workspace_of_its_own(tmp_path: Path) -> None:
    async with start("simulate", "--port", "0") as simulator:
        printed = await read_until(simulator.stdout, "alice_password")
        found = tomllib.loads(printed)
        config = write_config(tmp_path, printed.partition("[people]")[0])
        async with start("run", "--config", str(config)) as bot:
            await read_until(bot.stderr, '"listening"')
            url, password = found["workspace"]["url"], found["people"]["alice_password"]
            async with open_person(url, "alice", password) as alice:
                answer = await connect_and_ask(alice, "!session QoYYFw2t9oKks2niG")
            assert answer.startswith("Chrome 113 on Windows 10 or 11: ")
            bot.terminate()
            async with asyncio.timeout(DEADLINE):
                assert await bot.wait() == 0


async def run_to_its_end(*arguments: str) -> tuple[int | None, str, str]:
    process = await asyncio.create_subprocess_exec(PROGRAM, *arguments, stdout=PIPE, stderr=PIPE)
    async with asyncio.timeout(DEADLINE):
        output, errors = await process.communicate()
    return process.returncode, output.decode(), errors.decode()


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
    async with start("simulate", "--port", "0") as simulator:
        printed = await read_until(simulator.stdout, "alice_password")
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
