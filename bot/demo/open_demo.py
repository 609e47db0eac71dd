"""The simulated workspace with the bot in it; a reset replaces both in the same program."""

import asyncio
import errno
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from pydantic import SecretStr

from bot.app import AppOverrides
from bot.config import (
    OAuthSettings,
    Settings,
    StorageSettings,
    VaultSettings,
    WebSettings,
    WorkspaceSettings,
)
from bot.demo.actions import Durations, open_actions
from bot.demo.restartable_bot import RestartableBot
from bot.errors import ConfigError
from rocketchat_simulator import OAuthApp, Simulator
from rocketchat_simulator.demo.clock import DemoClock
from rocketchat_simulator.demo.seed import DemoPeople, seed

_LIMIT: Final = 200
"""Calls a minute and route: more than the default of 10, so that quick typing never waits."""


class Demo:
    """A workspace and the bot in it; ``simulator`` and ``people`` are others after a reset."""

    simulator: Simulator
    people: DemoPeople

    def __init__(self, port: int, durations: Durations) -> None:
        self._port = port
        self._durations: Final = durations
        self._must_reset: Final = asyncio.Event()
        self.is_open: Final = asyncio.Event()

    async def run(self) -> None:
        """Run until cancelled; raise ConfigError where the port is taken, and what the bot does."""
        while True:
            async with self._open():
                self.is_open.set()
                await self._must_reset.wait()
                self.is_open.clear()
                self._must_reset.clear()

    @asynccontextmanager
    async def _open(self) -> AsyncIterator[None]:
        clock = DemoClock()
        workspace = Simulator(version="8.3", port=self._port, limit_calls=_LIMIT, now=clock.now)
        async with listen(workspace, self._port) as simulator:
            self._port = urlsplit(simulator.url).port or self._port
            self.simulator, self.people = simulator, seed(simulator.workspace)
            simulator.demo_people.extend(self.people.visitors)
            with tempfile.TemporaryDirectory(prefix="session-bot-demo-") as folder:
                async with self._open_bot(clock, Path(folder)):
                    yield

    @asynccontextmanager
    async def _open_bot(self, clock: DemoClock, folder: Path) -> AsyncIterator[None]:
        app = self.simulator.workspace.oauth.make_app("Session bot", "http://127.0.0.1/not-yet")

        def set_redirect(public_url: str) -> None:
            # The port is known only now.
            app.redirect_uri = f"{public_url}/oauth/callback"

        settings = _make_settings(self.simulator.url, self.people, app, folder)
        overrides = AppOverrides(clock.now, sleep=clock.sleep)
        bot = RestartableBot(settings, overrides, set_redirect)
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(bot.run())
            await bot.is_listening.wait()
            async with open_actions(
                simulator=self.simulator,
                clock=clock,
                settings=settings,
                bot=bot,
                durations=self._durations,
                reset=self._must_reset.set,
            ):
                yield
            running.cancel()


@asynccontextmanager
async def open_demo(port: int, durations: Durations | None = None) -> AsyncIterator[Demo]:
    """Run the workspace, on any free port for 0, and the bot in it, until the block ends.

    Raises ConfigError, in a group, where the port is taken.
    """
    demo = Demo(port, durations or Durations())
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(demo.run())
        await demo.is_open.wait()
        yield demo
        running.cancel()


@asynccontextmanager
async def listen(simulator: Simulator, port: int) -> AsyncIterator[Simulator]:
    """Open the workspace; raise ConfigError where the port is taken."""
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
        # The environment is for a real bot, and may name its workspace.
        _env_prefix="SESSION_BOT_DEMO_",
        workspace=workspace,
        oauth=OAuthSettings(client_id=app.client_id, client_secret=SecretStr(app.client_secret)),
        web=WebSettings(public_url="http://127.0.0.1:0", port=0),
        storage=StorageSettings(url=f"sqlite:///{folder / 'demo.db'}"),
        vault=VaultSettings(),
    )
