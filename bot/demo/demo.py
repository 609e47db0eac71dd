"""The bot and a simulated workspace in one process, to try it without installing anything."""

import asyncio
import errno
import re
import tempfile
import webbrowser
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from pydantic import SecretStr

from bot.app import AppOverrides, open_bot
from bot.config import (
    OAuthSettings,
    Settings,
    StorageSettings,
    VaultSettings,
    WebSettings,
    WorkspaceSettings,
)
from bot.demo.actions import open_actions
from bot.errors import ConfigError
from rocketchat_simulator import OAuthApp, Person, Simulator, open_person
from rocketchat_simulator.demo.clock import DemoClock
from rocketchat_simulator.demo.seed import DemoPeople, seed
from rocketchat_simulator.person import Json

_LIMIT = 200
"""Calls a minute and route: more than the default of 10, so that quick typing never waits."""
_LINK = re.compile(r"https?://\S+/connect/[\w-]+")


async def run_demo(port: int, *, is_browser_wanted: bool) -> None:
    """Run both until cancelled, and print the address to open."""
    async with open_demo(port) as (simulator, _people):
        print(f"Open {simulator.url} in a browser. Ctrl+C ends the demo.", flush=True)  # noqa: T201
        if is_browser_wanted:
            await asyncio.to_thread(webbrowser.open, simulator.url)
        await asyncio.get_running_loop().create_future()


async def say_in_demo(text: str) -> None:
    """Connect Alice, send the text to the bot as Alice, print the bot's answer."""
    async with open_demo(0) as (simulator, people):
        alice = people.alice
        async with open_person(simulator.url, alice.username, alice.password) as person:
            room_id = await person.open_direct_room(people.bot.username)
            await _connect(person, room_id)
            await person.say(room_id, text)
            print(format_as_text(await person.hear(room_id)))  # noqa: T201 - what was asked for


async def run_simulated_workspace(port: int, version: str, *, is_licensed: bool) -> None:
    """Run the workspace alone until cancelled; print what a bot needs to log in."""
    workspace = Simulator(version=version, is_licensed=is_licensed, port=port)
    async with _listening(workspace, port) as simulator:
        people = seed(simulator.workspace)
        simulator.demo_people.extend(people.visitors)
        print(_describe(simulator.url, people), flush=True)  # noqa: T201 - what was asked for
        await asyncio.get_running_loop().create_future()


def _describe(url: str, people: DemoPeople) -> str:
    lines = [
        "[workspace]",
        f'url = "{url}"',
        f'user_id = "{people.bot.id}"',
        f'auth_token = "{people.bot_token}"',
        "",
        "[people]",
    ]
    lines += [f'{each.username}_password = "{each.password}"' for each in people.visitors[::-1]]
    return "\n".join(lines)


@asynccontextmanager
async def open_demo(port: int) -> AsyncIterator[tuple[Simulator, DemoPeople]]:
    """Run the workspace, on any free port for 0, and the bot in it."""
    clock = DemoClock()
    workspace = Simulator(version="8.3", port=port, limit_calls=_LIMIT, now=clock.now)
    async with _listening(workspace, port) as simulator:
        people = seed(simulator.workspace)
        simulator.demo_people.extend(people.visitors)
        with tempfile.TemporaryDirectory(prefix="session-bot-demo-") as folder:
            async with _open_demo_bot(simulator, people, clock, Path(folder)):
                yield simulator, people


@asynccontextmanager
async def _open_demo_bot(
    simulator: Simulator, people: DemoPeople, clock: DemoClock, folder: Path
) -> AsyncIterator[None]:
    listening = asyncio.Event()
    app = simulator.workspace.oauth.make_app("Session bot", "http://127.0.0.1/not-yet")
    settings = _make_settings(simulator.url, people, app, folder)
    overrides = AppOverrides(clock.now, on_listening=listening.set, sleep=clock.sleep)
    async with (
        open_bot(settings, overrides) as bot,
        open_actions(simulator, clock, settings.storage.url),
    ):
        # The port is known only now.
        app.redirect_uri = f"{bot.public_url}/oauth/callback"
        running = asyncio.create_task(bot.run())
        try:
            await listening.wait()
            yield
        finally:
            running.cancel()
            await asyncio.wait([running])


@asynccontextmanager
async def _listening(simulator: Simulator, port: int) -> AsyncIterator[Simulator]:
    async with AsyncExitStack() as stack:
        try:
            yield await stack.enter_async_context(simulator)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            raise ConfigError(f"port {port} is taken; choose another with --port") from error


def _make_settings(url: str, people: DemoPeople, app: OAuthApp, folder: Path) -> Settings:
    workspace = WorkspaceSettings(
        url=url, user_id=people.bot.id, auth_token=SecretStr(people.bot_token)
    )
    return Settings(
        workspace=workspace,
        oauth=OAuthSettings(client_id=app.client_id, client_secret=SecretStr(app.client_secret)),
        web=WebSettings(public_url="http://127.0.0.1:0", port=0),
        storage=StorageSettings(url=f"sqlite:///{folder / 'demo.db'}"),
        vault=VaultSettings(),
    )


async def _connect(person: Person, room_id: str) -> None:
    await person.say(room_id, "!connect")
    link = find_link(await person.hear(room_id))
    token = await person.make_personal_access_token("session bot")
    await person.fill_in(link, user_id=person.user_id, token=token)
    await person.hear(room_id)


def find_link(message: Json) -> str:
    """Return the connection link in a message of the bot's; raise LookupError if there is none."""
    found = _LINK.search(str(message))
    if found is None:
        raise LookupError("no connection link in the message")
    return found[0]


def format_as_text(message: Json) -> str:
    """Format a message with its attachments for a terminal."""
    lines = [str(message["msg"])]
    for attachment in message.get("attachments", ()):
        lines += [attachment[key] for key in ("title", "text") if attachment.get(key)]
        fields = attachment.get("fields", ())
        lines += [f"  {each['title']}: {each['value']}".replace("\n", "\n    ") for each in fields]
    return "\n".join(lines)
