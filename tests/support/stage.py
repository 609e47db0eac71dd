"""A simulated workspace, bots in it and people who talk to them: real sockets, nothing replaced."""

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr

from bot.app import AppOverrides, open_bot
from bot.backoff import Backoff
from bot.config import (
    OAuthSettings,
    ReportSettings,
    Settings,
    StorageSettings,
    VaultSettings,
    WebSettings,
    WorkspaceSettings,
)
from bot.lifecycle import Bot
from rocketchat_simulator import Document, OAuthApp, Room, Simulator, open_person
from rocketchat_simulator.demo.devices import CHROME_WINDOWS
from rocketchat_simulator.demo.seed import DemoPeople, seed
from tests.support.clock import Clock
from tests.support.deadlines import DEADLINE_S
from tests.support.new_databases import make_file
from tests.support.people import Conversation, Guest

VERSIONS = ("6.5", "7.7", "8.3", "8.8")
on_each_version = pytest.mark.parametrize("version", VERSIONS, indirect=True)
QUICK = Backoff(first_pause_s=0.05, max_pause_s=0.2)
QUICKLY = AppOverrides(backoff=QUICK)
KEY = SecretStr(base64.urlsafe_b64encode(bytes(range(32))).decode())
_UNSETTLED = (
    "SELECT count(*) FROM session_bot_jobs.procrastinate_jobs"
    " WHERE status = 'todo' OR task_name = 'tick'"
)


def tune(**seconds: float) -> AppOverrides:
    """Return overrides in which the realtime connection has these time limits."""
    return replace(QUICKLY, realtime=replace(QUICKLY.realtime, **seconds))


@dataclass
class RunningBot:
    """A bot at work."""

    bot: Bot
    task: "asyncio.Task[None]"
    _stack: AsyncExitStack

    async def stop(self) -> None:
        """Stop it as a signal does, and close what it has opened."""
        self.task.cancel()
        await asyncio.wait([self.task])
        await self._stack.aclose()


@dataclass
class Stage:
    """The workspace, its people, and the bots that share one database."""

    simulator: Simulator
    people: DemoPeople
    folder: Path
    settings: Settings
    clock: Clock
    overrides: AppOverrides
    _stack: AsyncExitStack
    _oauth_app: OAuthApp | None
    bots: list[RunningBot] = field(default_factory=list)
    _conversations: dict[str, Conversation] = field(default_factory=dict)

    @property
    def bot(self) -> Bot:
        """The bot that was started first."""
        return self.bots[0].bot

    async def start_bot(
        self, overrides: AppOverrides | None = None, **sections: object
    ) -> RunningBot:
        """Start a bot and wait until it listens; ``sections`` replace those of the settings."""
        listening = asyncio.Event()
        self.clock.started_at = self.clock.now()
        overrides = replace(overrides or self.overrides, on_listening=listening.set)
        settings = self.settings.model_copy(update=sections)
        make_file(settings.storage.url)
        async with AsyncExitStack() as stack:
            bot = await stack.enter_async_context(open_bot(settings, overrides))
            if self._oauth_app is not None:
                # Only now is it known on which port people come back.
                self._oauth_app.redirect_uri = f"{bot.public_url}/oauth/callback"
            running = RunningBot(bot, asyncio.create_task(bot.run()), stack.pop_all())
        self.bots.append(running)
        await _wait_until_listening(running.task, listening)
        return running

    @asynccontextmanager
    async def run_bot(
        self, overrides: AppOverrides | None = None, **sections: object
    ) -> AsyncIterator[RunningBot]:
        """Run a bot while the block lasts."""
        running = await self.start_bot(overrides, **sections)
        try:
            yield running
        finally:
            self.bots.remove(running)
            await running.stop()

    async def stop_bots(self) -> None:
        while self.bots:
            await self.bots.pop().stop()

    async def meet(self, username: str) -> Conversation:
        """Let somebody open their direct message with the bot, over the network."""
        if username not in self._conversations:
            user = self.simulator.workspace.find_user_by_name(username)
            assert user is not None
            person = await self._stack.enter_async_context(
                open_person(self.simulator.url, username, user.password)
            )
            room_id = await person.open_direct_room(self.people.bot.username)
            self._conversations[username] = Conversation(person, room_id, self.clock)
        return self._conversations[username]

    async def meet_connected(self, username: str) -> Conversation:
        """Do the same for somebody who then connects."""
        conversation = await self.meet(username)
        await conversation.connect()
        return conversation

    def invite(self, username: str, **fields: float | str) -> Guest:
        """Let somebody talk to the bot in the workspace itself; make them where they are new."""
        workspace = self.simulator.workspace
        user = workspace.find_user_by_name(username) or workspace.add_user(username, **fields)  # type: ignore[arg-type] # fields of a user
        room = workspace.direct_room(user, self.people.bot)
        return Guest(self.simulator, user, self.people.bot, room)

    def find_room(self, conversation: Conversation) -> Room:
        """Return the direct message as the workspace knows it."""
        room = self.simulator.workspace.find_room(conversation.room_id)
        assert room is not None
        return room

    def sign_in(self, device: Document = CHROME_WINDOWS, ip: str = "192.0.2.99") -> None:
        """Let Alice's account be used on a device that she does not have."""
        workspace = self.simulator.workspace
        token = workspace.make_login_token(self.people.alice)
        workspace.open_session(self.people.alice, token=token, device=device, ip=ip)

    def count_said(self, words: str) -> int:
        """Count the messages of the bot to Alice that begin with these words."""
        workspace = self.simulator.workspace
        room = workspace.direct_room(self.people.alice, self.people.bot)
        return sum(
            message["u"]["_id"] == self.people.bot.id and message["msg"].startswith(words)
            for message in workspace.messages.of(room)
        )

    def count_calls(self, route: str) -> int:
        """Count the requests whose path ends so."""
        return sum(each.path.endswith(route) for each in self.simulator.requests)

    async def wait_for_calls(self, route: str, number: int = 1) -> None:
        """Wait until the workspace has been asked; the answers may still be on their way."""
        async with asyncio.timeout(DEADLINE_S):
            while self.count_calls(route) < number:  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.01)

    async def cut_off(self, tries: int = 3) -> None:
        """Drop the connection, and refuse as many new ones."""
        self.simulator.faults.fail_next("/websocket", status=503, times=tries)
        await self.simulator.realtime.drop_all()

    def advance_workspace_clock(self, seconds: float) -> None:
        self.simulator.skew += timedelta(seconds=seconds)

    def begin_minute(self) -> None:
        """Set the workspace's clock to the beginning of a minute, in which messages are counted."""
        now = self.simulator.workspace.now()
        self.advance_workspace_clock(60 - now.second - now.microsecond / 1_000_000)


async def _wait_until_listening(task: "asyncio.Task[None]", listening: asyncio.Event) -> None:
    """Wait until the bot listens; raise what ended it before."""
    waiting = asyncio.create_task(listening.wait())
    async with asyncio.timeout(DEADLINE_S):
        await asyncio.wait([task, waiting], return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        waiting.cancel()
        await task


@asynccontextmanager
async def open_stage(
    folder: Path,
    version: str = "8.3",
    *,
    bots: int = 1,
    start: datetime | None = None,
    storage_url: str = "",
    has_oauth: bool = False,
    has_pictures: bool = False,
    is_licensed: bool = True,
    is_limited: bool = True,
    is_streamer: bool = False,
    skew: timedelta = timedelta(),
    limit_calls: int = 1000,
    limit_window: float = 60.0,
    overrides: AppOverrides = QUICKLY,
    arrange: Callable[[Simulator], None] = lambda _: None,
    **sections: object,
) -> AsyncIterator[Stage]:
    """Open a workspace of that version with the demo's people, and so many bots in it.

    With ``start`` the bots' clock stands still until it is moved. Without ``storage_url`` the
    database is a file in the folder. ``sections`` replace those of the settings.
    """
    assert sections.keys() <= Settings.model_fields.keys(), sections
    is_shared = storage_url.startswith("postgresql")

    async def settle() -> None:
        if is_shared:
            await _wait_for_jobs(storage_url)

    clock = Clock(start and start.astimezone(UTC), settle)
    async with AsyncExitStack() as stack:
        simulator = await stack.enter_async_context(
            Simulator(
                version=version,
                is_licensed=is_licensed,
                is_limited=is_limited,
                is_streamer=is_streamer,
                skew=skew,
                limit_calls=limit_calls,
                limit_window=limit_window,
                now=clock.now if has_oauth else None,
            )
        )
        people = seed(simulator.workspace)
        arrange(simulator)
        settings = make_settings(simulator.url, people, folder)
        if is_shared:
            sections |= {
                "storage": StorageSettings(url=storage_url),
                "vault": VaultSettings(keys=(KEY,)),
            }
        if has_pictures:
            sections["reports"] = ReportSettings()
        app = None
        if has_oauth:
            app = simulator.workspace.oauth.make_app("Session bot", "http://127.0.0.1/")
            secret = SecretStr(app.client_secret)
            sections["oauth"] = OAuthSettings(client_id=app.client_id, client_secret=secret)
        stage = Stage(
            simulator=simulator,
            people=people,
            folder=folder,
            settings=settings.model_copy(update=sections),
            clock=clock,
            overrides=replace(overrides, now=clock.now, sleep=clock.sleep),
            _stack=stack,
            _oauth_app=app,
        )
        stack.push_async_callback(stage.stop_bots)
        for _ in range(bots):
            await stage.start_bot()
        yield stage


def make_settings(url: str, people: DemoPeople, folder: Path) -> Settings:
    """Return settings for a bot in that workspace, with a free port and a new database file."""
    return Settings(
        workspace=WorkspaceSettings(
            url=url, user_id=people.bot.id, auth_token=SecretStr(people.bot_token)
        ),
        web=WebSettings(public_url="http://127.0.0.1:0", port=0),
        storage=StorageSettings(url=f"sqlite:///{folder / 'bot.db'}"),
        # A picture would be a second message, which most tests do not expect.
        reports=ReportSettings(picture=False),
    )


async def _wait_for_jobs(database: str) -> None:
    """Wait until the tick has been run, and each job that it added has begun."""
    async with (
        asyncio.timeout(DEADLINE_S),
        await psycopg.AsyncConnection.connect(database, autocommit=True) as connection,
    ):
        while True:
            found = await connection.execute(_UNSETTLED)
            if await found.fetchone() == (0,):
                return
            await asyncio.sleep(0.01)
