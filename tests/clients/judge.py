"""Runs a client program against the simulator, and tells how far it comes.

A program is an echo bot: its only argument is a JSON object with ``url``, ``username``,
``password``, ``user_id`` and ``token``; it answers every ``text`` of others with ``echo text``.
"""

import asyncio
import json
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rocketchat_simulator import Outage, Room, Simulator, User
from tests.support.deadlines import DEADLINE_S

PROGRAMS: Final = Path(__file__).parent / "programs"
_POLL_S: Final = 0.02
_OUTAGE_S: Final = 0.3


@dataclass(frozen=True, slots=True)
class Client:
    """A library in one version, and the command that runs a bot on it."""

    name: str
    command: tuple[str, ...]
    listens: bool = True
    """Whether it uses a websocket."""
    hears_twice: bool = False
    """Whether it subscribes twice once it has connected again, and so hears everything twice."""


PYTHON_CLIENTS: Final = (
    Client("rocketchat-async", (sys.executable, str(PROGRAMS / "rocketchat_async_bot.py"))),
    Client(
        "rocketchat_API", (sys.executable, str(PROGRAMS / "rocketchat_api_bot.py")), listens=False
    ),
)


class ClientFailedError(Exception):
    """A client did not answer; the text says what it wrote on standard error."""


async def judge(client: Client, version: str, *, folder: Path | None = None) -> None:
    """Let a client connect, log in, hear, send, and survive a cut and an outage.

    Raise ClientFailedError where it does not. ``folder`` is where the program runs.
    """
    async with Simulator(version=version) as simulator:
        workspace = simulator.workspace
        person = workspace.add_user("ann")
        bot = workspace.add_user("echo", password="secret", roles=("user", "bot"))
        room = workspace.direct_room(person, bot)
        async with _run(client, simulator, bot, folder) as process:
            try:
                await _talk(simulator, client, person, room)
            except TimeoutError as error:
                text = f"{client.name}, {version}: no answer\n{await _end(process)}"
                raise ClientFailedError(text) from error


async def _talk(simulator: Simulator, client: Client, person: User, room: Room) -> None:
    await _exchange(simulator, client, person, room, "hello")
    await simulator.realtime.drop_all()
    await _wait_for_end(simulator)
    await _exchange(simulator, client, person, room, "after a cut")
    async with simulator.outage(Outage.REFUSED):
        await asyncio.sleep(_OUTAGE_S)
    await _exchange(simulator, client, person, room, "after an outage")
    texts = _list_texts(simulator, room)
    repeated = [text for text in texts if texts.count(text) > 1]
    if repeated and not client.hears_twice:
        raise ClientFailedError(f"{client.name}: said more than once: {repeated}")


async def _wait_for_end(simulator: Simulator) -> None:
    """Wait until no connection is left from before a cut."""
    async with asyncio.timeout(DEADLINE_S):
        while simulator.realtime.connections:  # noqa: ASYNC110 - the server has no event for it
            await asyncio.sleep(0)


async def _exchange(
    simulator: Simulator, client: Client, person: User, room: Room, text: str
) -> None:
    """Say something once the client listens, and wait for its answer."""
    async with asyncio.timeout(DEADLINE_S):
        if client.listens:
            await simulator.realtime.wait_for_listener("echo")
        simulator.workspace.say(person, room, text)
        while f"echo {text}" not in _list_texts(simulator, room):  # noqa: ASYNC110 - another process
            await asyncio.sleep(_POLL_S)


def _list_texts(simulator: Simulator, room: Room) -> list[str]:
    return [message["msg"] for message in simulator.workspace.messages.of(room)]


@asynccontextmanager
async def _run(
    client: Client, simulator: Simulator, bot: User, folder: Path | None
) -> AsyncIterator[asyncio.subprocess.Process]:
    token = simulator.workspace.make_personal_access_token(bot, "client")
    site = {"url": simulator.url, "username": bot.username, "password": bot.password}
    site |= {"user_id": bot.id, "token": token}
    process = await asyncio.create_subprocess_exec(
        *client.command, json.dumps(site), stdout=DEVNULL, stderr=PIPE, cwd=folder
    )
    try:
        yield process
    finally:
        await _end(process)


async def _end(process: asyncio.subprocess.Process) -> str:
    """End a program; return what it wrote on standard error."""
    if process.returncode is None:
        process.kill()
    _, said = await process.communicate()
    return said.decode()
