"""The simulator as a program, for bots in other languages: ``python -m rocketchat_simulator``.

The first line on standard output is a JSON object: ``url``, ``users`` (each with username,
password, user_id and token) and ``rooms``. With ``--control`` each line on standard input is a
command of ``control.py``, and each line of output after the first is an answer.
"""

import argparse
import asyncio
import json
import signal
import sys
from collections.abc import Sequence
from typing import Final

from rocketchat_simulator.control import Control
from rocketchat_simulator.server import Simulator
from rocketchat_simulator.workspace.documents import Document
from rocketchat_simulator.workspace.errors import RefusedError
from rocketchat_simulator.workspace.models import User
from rocketchat_simulator.workspace.versions import VERSIONS
from rocketchat_simulator.workspace.workspace import Workspace

_USERS: Final = ["admin::admin", "ann", "bot::user,bot"]
_CHANNELS: Final = ["general"]
_MAX_PORT: Final = 65_535


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until a signal, or with ``--control`` until standard input ends."""
    options = _make_parser().parse_args(arguments)
    try:
        asyncio.run(_serve(options))
    except OSError as error:
        sys.exit(f"Cannot listen on {options.host}:{options.port}: {error.strerror}")
    except RefusedError as error:
        sys.exit(f"Cannot make the accounts and channels: {error.reason}")


def _make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m rocketchat_simulator",
        description="A Rocket.Chat workspace in one process, to test bots against.",
    )
    add = parser.add_argument
    add("--server", choices=[*VERSIONS], default="8.3", help="version to simulate (8.3)")
    add("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
    add("--port", type=_parse_port, default=3000, help="port, 0 for a free one (3000)")
    add(
        "--user",
        action="append",
        metavar="NAME[:PASSWORD[:ROLE,ROLE]]",
        help=f"an account; may be repeated ({' '.join(_USERS)})",
    )
    add(
        "--channel",
        action="append",
        metavar="NAME",
        help=f"a channel with all accounts; may be repeated ({' '.join(_CHANNELS)})",
    )
    add("--unlicensed", action="store_true", help="without an enterprise licence")
    add("--streamer", action="store_true", help="realtime API of the microservice ddp-streamer")
    add("--no-limit", action="store_true", help="without the REST rate limit")
    add("--control", action="store_true", help="read commands as JSON lines from standard input")
    return parser


def _parse_port(text: str) -> int:
    if not text.isdecimal() or int(text) > _MAX_PORT:
        message = f"{text} is not a port from 0 to {_MAX_PORT}"
        raise argparse.ArgumentTypeError(message)
    return int(text)


async def _serve(options: argparse.Namespace) -> None:
    simulator = Simulator(
        version=options.server,
        host=options.host,
        port=options.port,
        is_licensed=not options.unlicensed,
        is_streamer=options.streamer,
        is_limited=not options.no_limit,
    )
    populated = _populate(simulator.workspace, options)
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with simulator, asyncio.TaskGroup() as tasks:
        _print({"url": simulator.url} | populated)
        ends: list[asyncio.Task[object]] = [tasks.create_task(stopped.wait())]
        if options.control:
            ends.append(tasks.create_task(_obey(Control(simulator))))
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        for task in ends:
            task.cancel()


def _populate(workspace: Workspace, options: argparse.Namespace) -> Document:
    users = [_add_user(workspace, given) for given in options.user or _USERS]
    names = options.channel or _CHANNELS
    rooms = {name: workspace.make_channel(name, users).id for name in names}
    return {"users": [_describe(workspace, user) for user in users], "rooms": rooms}


def _add_user(workspace: Workspace, given: str) -> User:
    """Add an account from ``name:password:roles``; without a password it is the name."""
    name, password, roles = [*given.split(":"), "", ""][:3]
    wanted = tuple(filter(None, roles.split(","))) or ("user",)
    return workspace.add_user(name, password=password or name, roles=wanted)


def _describe(workspace: Workspace, user: User) -> Document:
    token = workspace.make_personal_access_token(user, "simulator")
    return {
        "username": user.username,
        "password": user.password,
        "user_id": user.id,
        "token": token,
    }


async def _obey(control: Control) -> None:
    """Carry out the commands of standard input until it ends."""
    commands = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    async for line in commands:
        _print(await control.run(line))


def _print(answer: Document) -> None:
    print(json.dumps(answer, ensure_ascii=False), flush=True)  # noqa: T201 - what this program is for


if __name__ == "__main__":
    main()
